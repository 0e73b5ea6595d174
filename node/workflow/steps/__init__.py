"""The steps: the only place where the workflow calls the verbs.

`intake` reads headers and opens exams, `looking` knows what each series is, `gathering` gives `decide` the facts of an exam and fixes its
series, `late` says what images do that come after that; `compute` does the sums of one exam, in the compute process;
`visits` finds the patient's earlier exams and `priors` sets an exam beside them; `sending` hands the frozen objects to the network. Each is
idempotent: done twice, it leaves what once would. `seeking` finds out what an exam lacks and may be fetched, `searching` asks peers for it
(`sources`), `fetching` fetches it, and `keeping` removes what has had its time. `held`, `correcting` and `judging` are what a person says
of an exam, `reading_back` is what readers say by objects that they send, and `withdrawing` makes the notes that take a result back.
"""
