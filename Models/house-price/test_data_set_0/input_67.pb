2TypB
Functional