2CBlockB
Foundation