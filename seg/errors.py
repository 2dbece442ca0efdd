"""The errors a user is meant to read: each names the thing, the allowed values and the remedy."""


class UserError(ValueError):
    """Something the user can mend; told without a traceback, ends the process with `exit_code`."""

    exit_code = 1


class ConfigError(UserError):
    """A key, value, option or path in the configuration is wrong."""

    exit_code = 2


class DivergenceError(UserError):
    """Training ran into numbers that are not finite."""

    exit_code = 4


class DataError(UserError):
    """A dataset, image, label or checkpoint file is missing, damaged or not what it should be."""

    exit_code = 3
