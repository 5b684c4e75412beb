"""The judge card: a judge measured on items that people labelled, and scores corrected for the errors it shows there.

items.py      sets of labelled items, as rows in a folder
originals/    the same from their owners' files, a file a set
asking.py     items as the questions that a score asks, and the judge's verdicts
figures.py    agreement, kappa, offset and error rates of verdicts
floors.py     the same of comparisons without a judge, and of people among themselves
card.py       all of it for one judge: what card.json holds
view.py       the tables, on the terminal, in card.md and on the page
correct.py    a run's metrics, corrected by a card
"""
