"""Everything that this app raises, in one tree.

    BundleError
    ├── ConfigurationError      (ImproperlyConfigured)  a setting is wrong
    │   └── MappingError                                a path in BUNDLE_APP["MAP"] does not resolve
    ├── NothingToTrain          (LookupError)           the shop has no item that can be sold
    ├── AlreadyTraining         (RuntimeError)          another run holds the training lease
    ├── LeaseLost               (RuntimeError)          this run held the lease and lost it
    ├── BrokerUnreachable       (ConnectionError)       the task could not be sent to the worker
    ├── EngineError             (RuntimeError)          the learning process failed
    │   └── EngineUnavailable                           its libraries are not installed
    ├── ArtefactRejected        (ValueError)            a model's files are damaged, foreign or unreadable
    ├── CannotPublish           (ValueError)            the version asked for cannot go live
    │   └── WorseThanLive                               it learned from far fewer orders than the live one
    ├── BundleNotOnOffer        (LookupError)           unknown, paused, or outside its dates; for the shopper
    │   └── BundleUsedUp                                as many sets were sold as may be; for the shopper
    ├── OutsideTransaction      (RuntimeError)          the shop's checkout redeems bundles outside its transaction
    ├── FileRefused             (ValueError)            a file of bundles, rules or events cannot be read
    ├── TokenRefused            (ValueError)            the word that names a showing is none of ours, or not for this
    │   ├── TokenMalformed                              it cannot be read
    │   ├── TokenForged                                 its signature is not ours
    │   ├── TokenLate                                   the showing was too long ago
    │   └── TokenForeign                                it was given to another visitor
    ├── CannotStart             (ValueError)            the experiment is not complete, or another is in its way
    ├── CannotPromote           (ValueError)            the experiment's figures do not allow it
    ├── PolicyForgotten         (ValueError)            what a policy knew of single bundles is deleted
    ├── ExperimentFrozen        (RuntimeError)          an experiment changes after its start
    ├── BatchRefused            (ValueError)            a batch of events cannot be read at all
    └── CannotAddToCart         (ValueError)            the shop's cart refused a bundle; the message is for the shopper
        └── ChoiceNotOffered                            a variant that is none of the bundle's was chosen; likewise

A class's docstring is its default message. A message says what was found, what was expected and what to do.
"""

from __future__ import annotations

from inspect import cleandoc

from django.core.exceptions import ImproperlyConfigured


class BundleError(Exception):
    """Something in bundle_app went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or cleandoc(self.__doc__ or ""))


class ConfigurationError(BundleError, ImproperlyConfigured):
    """The BUNDLE_APP setting is wrong. Run `manage.py check` to see where."""


class MappingError(ConfigurationError):
    """A path in BUNDLE_APP["MAP"] does not resolve on the shop's models. Run `manage.py bundles_doctor`."""


class NothingToTrain(BundleError, LookupError):
    """The shop has no product that can be sold, so no bundle can be composed. Check "item" and "sellable" in MAP."""


class AlreadyTraining(BundleError, RuntimeError):
    """Another training run is under way. Wait for it, or let it go stale: then the next run takes over."""


class LeaseLost(BundleError, RuntimeError):
    """This training run stopped answering and another one took over; what this one made is not published."""


class BrokerUnreachable(BundleError, ConnectionError):
    """The message broker cannot be reached. Start it, or train without Celery: manage.py bundles_train"""


class EngineError(BundleError, RuntimeError):
    """The learning process failed."""


class EngineUnavailable(EngineError):
    """Training needs more libraries than serving: pip install 'django-product-bundles[train]' on the worker."""


class ArtefactRejected(BundleError, ValueError):
    """The model's files are damaged or were not made by bundle_ml. Train again; what is live stays live."""


class CannotPublish(BundleError, ValueError):
    """That model version cannot go live."""


class BundleNotOnOffer(BundleError, LookupError):
    """This set is not on offer any more."""


class BundleUsedUp(BundleNotOnOffer):
    """Not so many sets are left at this price."""


class OutsideTransaction(BundleError, RuntimeError):
    """Bundles are redeemed outside a transaction: a set would count as sold though its order failed. Call `redeem` and
    `give_back` inside the `transaction.atomic()` that writes the order."""


class FileRefused(BundleError, ValueError):
    """This file cannot be read. Save it as CSV (UTF-8) or as an Excel workbook (.xlsx)."""


class TokenRefused(BundleError, ValueError):
    """This token names no showing that could be counted."""


class TokenMalformed(TokenRefused):
    """This is no token of ours; it cannot be read."""


class TokenForged(TokenRefused):
    """This token is signed by none of our keys."""


class TokenLate(TokenRefused):
    """This token's showing was too long ago."""


class TokenForeign(TokenRefused):
    """This token was given to another visitor."""


class BatchRefused(BundleError, ValueError):
    """This is no batch of events. Send {"events": [{"token": "…", "kind": "impression", "ago_seconds": 1.5}, …]}."""


class CannotStart(BundleError, ValueError):
    """This experiment cannot be started."""


class CannotPromote(BundleError, ValueError):
    """This arm cannot be promoted."""


class PolicyForgotten(BundleError, ValueError):
    """What this policy knew of single bundles is deleted, so it cannot be shown. Choose a newer one."""


class ExperimentFrozen(BundleError, RuntimeError):
    """An experiment that was started does not change any more. Stop it and write another one."""


class WorseThanLive(CannotPublish):
    """The new model learned from far fewer orders than the live one, so it was not published."""


class CannotAddToCart(BundleError, ValueError):
    """This set cannot be added to the cart right now."""


class ChoiceNotOffered(CannotAddToCart):
    """That choice is not offered any more. Please choose once more."""
