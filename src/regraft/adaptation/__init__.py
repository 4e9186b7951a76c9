"""How to transfer across domains: one method a file, each a scikit-learn estimator with a storable state."""
