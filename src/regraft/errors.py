"""What Regraft raises: every message says what, what it must be, what came, and what to do."""


class RegraftError(Exception):
    """Something the user can mend; the message is one sentence for a person, never a traceback."""


class UsageError(RegraftError):
    """The request itself is wrong: an unknown name, an option out of range, a missing argument."""


class DataError(RegraftError):
    """The labelled data cannot be used as they are."""


class Unreadable(DataError):
    """One example cannot be decoded; the message is the reason, without the example's name."""


class UnreadableImage(Unreadable):
    """One image cannot be decoded."""


class UnreadableText(Unreadable):
    """One text cannot be read."""


class UnreadableSound(Unreadable):
    """One recording cannot be decoded."""


class WeightsError(RegraftError):
    """A backbone's weights are missing, do not fit, or are not the ones that were named."""


class BundleError(RegraftError):
    """A saved classifier is damaged, too new, or does not belong to the weights at hand."""
