
BprobabilitiesJ(]£2às55vA6Ï5‡£,Ÿê	/ÏK®*´ÿ?‚à1ÀØ4