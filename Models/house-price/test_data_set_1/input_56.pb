2CBlock2CBlock2CBlock2PConc2PConc2PConc2PConc2PConcB
Foundation