2HipB
Roof.Style