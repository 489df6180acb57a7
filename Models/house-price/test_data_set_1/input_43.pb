2Gtl2Gtl2Gtl2Gtl2Gtl2Gtl2Gtl2GtlB
Land.Slope