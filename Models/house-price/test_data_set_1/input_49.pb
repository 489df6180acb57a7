2Gable2Hip2Hip2Gable2Gable2Gable2Gable2GableB
Roof.Style