"""Why a sampler does not answer, each with one sentence that says what to do."""


class UnknownFlow(ValueError):
    """No flow of this name lies on the shelf."""


class BrokenFlow(RuntimeError):
    """The flow's folder cannot be read."""


class Refused(RuntimeError):
    """The sampler cannot take the request now.

    Attributes:
        retry_after: seconds after which it is worth another try.
    """

    def __init__(self, sentence: str, retry_after: float):
        super().__init__(sentence)
        self.retry_after = retry_after


class Closing(Refused):
    """The sampler finishes what it accepted and takes nothing new."""


class Cancelled(RuntimeError):
    """The caller took the request back."""


class SamplerFailed(RuntimeError):
    """The sampling itself broke, or its result was lost; the request may be sent again."""
