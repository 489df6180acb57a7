2Inside2Corner2Corner2Inside2Inside2Inside2Inside2InsideB
Lot.Config