"""What is logged in MLflow, read back, registered, promoted, exported, reproduced.

``store`` and ``registry`` are the only modules that import MLflow. ``tuning.tune``,
``final_model.train_final``, ``promotion.promote``, ``export.export``, ``reproduction.reproduce``.
"""
