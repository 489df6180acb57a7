2TA2TA2Ex2Gd2Ex2Ex2Ex2ExB
Heating.QC