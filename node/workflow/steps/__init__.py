"""The steps: the only place where the workflow calls the verbs.

`intake` reads headers and opens exams, `looking` knows what each series is, `belonging` which are of an exam, `routing` which of the
site's rules it fits, `gathering` gives `decide` the facts of an exam and fixes its series, after `weighing` how much of each is here
against what peers announced (`announcing`) and the source answered (`asking`); `late` says what images do that come after that, `updating`
what those do that come again under another patient, `swapped` what those of another patient may show, and `trying` what other rules would
have done. `compute` does the sums of one exam, in the compute process; `visits` finds the patient's earlier exams and `priors` sets an
exam beside them; `sending` hands the frozen objects to the network. Each is idempotent: done twice, it leaves what once would. `seeking`
finds out what an exam lacks and may be fetched, `searching` asks peers for it (`sources`), `fetching` fetches it, and `keeping` removes
what has had its time. `held`, `correcting`, `assigning` and `judging` are what a person says of an exam, `reading_back` is what readers
say by objects that they send, `taking_back` what a rejection note does to images, and `withdrawing` makes the notes that take a result
back.
"""
