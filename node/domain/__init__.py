"""What things are: frozen dataclasses over numpy arrays, and the protocols that the verbs ask for.

One convention for space, everywhere: arrays are indexed ``(slice, row, column)``, with frames before them where there are any, and
an affine takes an index to **LPS millimetres**. RAS never appears. One unit a quantity: s, mm, kg, Bq, Bq/mL.

We chose plain dataclasses that check themselves when they are made, because a half-built object that is found wrong three steps
later costs a night; instead of dictionaries, which say nothing about what they must hold.
"""
