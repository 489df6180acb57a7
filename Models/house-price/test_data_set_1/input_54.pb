2TA2TA2Gd2TA2TA2Gd2Gd2GdB
Exter.Qual