2TAB
Exter.Cond