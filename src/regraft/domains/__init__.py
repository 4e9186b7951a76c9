"""From a labelled domain to another one: methods tried, one chosen without the target's labels, all measured."""
