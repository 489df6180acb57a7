2SBrkrB
Electrical