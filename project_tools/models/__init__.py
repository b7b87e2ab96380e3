"""The families, and one setting of one of them: prepared, fitted, judged.

``families.FAMILIES``, ``dataset.load_dataset``, ``folds.out_of_fold``, ``training.train``.
"""
