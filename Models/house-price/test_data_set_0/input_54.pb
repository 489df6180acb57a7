2TAB
Exter.Qual