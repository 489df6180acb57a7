2SBrkr2SBrkr2SBrkr2SBrkr2SBrkr2SBrkr2SBrkr2SBrkrB
Electrical