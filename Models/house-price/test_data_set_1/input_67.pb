2Typ2Typ2Typ2Typ2Typ2Typ2Typ2TypB
Functional