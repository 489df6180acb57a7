2GtlB
Land.Slope