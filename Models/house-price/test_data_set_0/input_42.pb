2CornerB
Lot.Config