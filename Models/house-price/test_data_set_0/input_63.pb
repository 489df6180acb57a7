2FaB
Heating.QC