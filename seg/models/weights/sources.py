"""Sources of `weights=`, resolved to files: paths, web addresses, the Hub, timm's names."""

import difflib
import glob
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urldefrag

from seg.data.readers.dataset_root import cache_directory
from seg.data.readers.sha256 import sha256_of
from seg.errors import ConfigError, DataError
from seg.models.interfaces import Normalization
from seg.models.weights.download import fetch
from seg.models.weights.model_config import normalization_beside

_HUB = re.compile(
    r"hf://(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[^/]+))?(?:/(?P<file>.+))?"
)
_SHA256 = re.compile(r"sha256=([0-9a-fA-F]{64})")
_TIMM_NAME = re.compile(r"[a-z]\w*\.[a-z]\w*")
# torch.hub's custom: a file's name ends in the first digits of its SHA-256
_DIGITS_IN_NAME = re.compile(r"-([0-9a-f]{8,64})\.\w+$")
_WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pth", ".pt", ".ckpt", ".h5", ".keras", ".index")
# also a TensorFlow prefix such as `model.ckpt-30000`
_WEIGHT_NAME = re.compile(rf"({'|'.join(map(re.escape, _WEIGHT_SUFFIXES))}|\.ckpt-\d+)\Z")
_PREFERRED = ("model.safetensors", "config.json")
_USUAL = ("model.safetensors", "pytorch_model.bin")
_FORMS = (
    "  allowed: a path, https://HOST/FILE#sha256=HEX, hf://OWNER/NAME[@REVISION][/FILE], "
    "timm/NAME[.TAG]"
)


@dataclass(frozen=True)
class Located:
    """Weights on this machine.

    Attributes:
        path: a file, a TensorFlow checkpoint's prefix, or a directory.
        origin: the source in words, for reports and cards.
        normalization: of the images, as the source states it; None where it does not.
        verified: whether the file was compared with a SHA-256 of its source.
    """

    path: Path
    origin: str
    normalization: Normalization | None = None
    verified: bool = False


def locate(source: str | Path) -> Located:
    """Find the weights, and fetch what is not here yet into `$SEG_CACHE`.

    Args:
        source: one of
            a path (`~` allowed; it need not exist: a TensorFlow checkpoint is named by its prefix);
            `https://HOST/FILE#sha256=HEX`;
            `hf://OWNER/NAME[@REVISION][/FILE]`, a model on the Hugging Face Hub;
            `timm/NAME[.TAG]`, or `NAME.TAG` alone where no such file exists.

    Raises:
        ConfigError: another form, a name that timm does not have, an address without SHA-256.
        DataError: what is named cannot be fetched.
    """
    path = Path(source).expanduser()
    text = str(source)
    if "://" in text and isinstance(source, str):
        return _from_address(text)
    if not path.exists():
        if text.startswith("timm/"):
            return _from_timm(text.removeprefix("timm/"))
        if _TIMM_NAME.fullmatch(text):
            import timm

            if timm.models.is_model_pretrained(text):
                return _from_timm(text)
    _require_blob(path)
    return Located(path, text, normalization_beside(path))


def _from_address(address: str) -> Located:
    scheme = address.partition("://")[0]
    if scheme == "hf":
        return _from_hub(address)
    if scheme not in ("http", "https"):
        raise ConfigError(f"weights {address!r}: unknown scheme {scheme!r}\n{_FORMS}")
    url, fragment = urldefrag(address)
    digest = _SHA256.fullmatch(fragment)
    # the query may hold a secret signature, so reports omit it
    public_url = url.partition("?")[0]
    if digest is None:
        raise ConfigError(
            f"weights {public_url}: no SHA-256 to check the file against\n"
            "  add #sha256=<64 hex digits>, from the publisher or `sha256sum` of a copy you trust"
        )
    path = fetch(url, digest[1].lower())
    return Located(path, f"{public_url}#sha256={digest[1].lower()}", verified=True)


def _from_timm(name: str) -> Located:
    import timm

    try:
        entry: Any = timm.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError as error:
        names = timm.list_pretrained()
        architecture = name.partition(".")[0]
        nearest = [other for other in names if other.partition(".")[0] == architecture]
        nearest = nearest or difflib.get_close_matches(name, names, n=5)
        hint = f"\n  nearest: {', '.join(nearest)}" if nearest else ""
        raise ConfigError(
            f"weights timm/{name}: timm has no such pretrained model{hint}"
        ) from error
    full_name = f"timm/{entry.architecture}.{entry.tag}" if entry.tag else f"timm/{name}"
    normalization = Normalization(tuple(entry.mean), tuple(entry.std))
    if entry.hf_hub_id:
        file = entry.hf_hub_filename or "model.safetensors"
        located = _from_hub(f"hf://{entry.hf_hub_id}/{file}")
        return replace(
            located, origin=f"{full_name} ({located.origin})", normalization=normalization
        )
    digits = _DIGITS_IN_NAME.search(entry.url or "")
    if digits is None:
        raise ConfigError(f"weights {full_name}: timm names no file for it that could be verified")
    path = fetch(entry.url, digits[1])
    return Located(path, f"{full_name} ({entry.url})", normalization, verified=True)


def _from_hub(address: str) -> Located:
    match = _HUB.fullmatch(address)
    file = match["file"] if match else None
    if match is None or (file and (".." in file.split("/") or not _WEIGHT_NAME.search(file))):
        raise ConfigError(
            f"weights {address!r}\n  allowed: hf://OWNER/NAME[@REVISION][/FILE]; "
            f"a FILE ends in {', '.join(_WEIGHT_SUFFIXES)}"
        )
    revision = unquote(match["revision"]) if match["revision"] else None
    repository = _Repository(address, match["repository"], revision)
    with repository.hub_errors():
        path = repository.file(file) if file else repository.weights()
    snapshot = repository.snapshot
    inside = "" if path == snapshot else f"/{path.relative_to(snapshot).as_posix()}"
    origin = f"hf://{repository.name}@{snapshot.name}{inside}"
    _require_blob(path)
    return Located(path, origin, normalization_beside(path), verified=True)


def _require_blob(path: Path) -> None:
    """Compare a file of the Hub's cache, whose name is its SHA-256, with that name."""
    for file in (path, *(path / name for name in _USUAL)):
        blob = file.resolve()
        named = blob.parent.name == "blobs" and re.fullmatch("[0-9a-f]{64}", blob.name)
        if named and blob.is_file() and sha256_of(blob) != blob.name:
            raise DataError(
                f"{file}: damaged: not the file that the Hub has (SHA-256)\n"
                f"  delete {blob}, then it is fetched again"
            )


@dataclass
class _Repository:
    """A model on the Hub."""

    address: str
    name: str
    revision: str | None
    snapshot: Path = Path()  # the directory of the fetched files; its name is the commit

    def fetch(self, *patterns: str) -> None:
        """Fetch the files that match and are not cached."""
        from huggingface_hub import snapshot_download

        cache = cache_directory() / "hub" if os.environ.get("SEG_CACHE") else None
        self.snapshot = Path(
            snapshot_download(
                self.name, revision=self.revision, allow_patterns=list(patterns), cache_dir=cache
            )
        )

    def file(self, file: str) -> Path:
        """Fetch a file, or all files of a TensorFlow checkpoint with that prefix."""
        prefix = glob.escape(file.removesuffix(".index"))
        config = glob.escape(str(PurePosixPath(file).with_name("config.json")))
        self.fetch(glob.escape(file), f"{prefix}.index", f"{prefix}.data-?????-of-?????", config)
        path = self.snapshot / file
        if path.is_file() or path.with_name(f"{path.name}.index").is_file():
            return path
        raise DataError(f"weights {self.address}: the repository has no such file")

    def weights(self) -> Path:
        """Fetch the weights: the directory of a model with `config.json`, or one weight file."""
        self.fetch(*_PREFERRED)
        if all((self.snapshot / name).is_file() for name in _PREFERRED):
            return self.snapshot
        candidates = [name for name in self._names() if name.endswith(_WEIGHT_SUFFIXES)]
        usual = [name for name in _USUAL if name in candidates]
        candidates = usual[:1] or candidates
        if len(candidates) == 1:
            return self.file(candidates[0])
        at = f"@{self.revision}" if self.revision else ""
        listed = "".join(f"\n    hf://{self.name}{at}/{name}" for name in sorted(candidates))
        state = f"several weight files; name one:{listed}" if candidates else "no weight file"
        raise DataError(f"weights {self.address}: the repository holds {state}")

    def _names(self) -> list[str]:
        """List the repository's files; those in the cache if the Hub cannot be reached."""
        from huggingface_hub import HfApi

        try:
            listed = HfApi().model_info(self.name, revision=self.revision).siblings
            return [file.rfilename for file in listed or ()]
        except _transport_errors():
            files = [path for path in self.snapshot.rglob("*") if path.is_file()]
            if not files:
                raise
            return [path.relative_to(self.snapshot).as_posix() for path in files]

    @contextmanager
    def hub_errors(self) -> Iterator[None]:
        """Turn the errors of the Hub's library into messages with a remedy."""
        from huggingface_hub import errors

        try:
            yield
        except errors.HFValidationError as error:
            raise ConfigError(f"weights {self.address}: {_brief(error)}") from error
        except _transport_errors() as error:
            raise DataError(f"weights {self.address}: {self._remedy(error)}") from error

    def _remedy(self, error: BaseException) -> str:
        from huggingface_hub import constants, errors

        page = f"the page of {self.name} on the Hub"
        if isinstance(error, errors.GatedRepoError):
            return (
                f"gated\n  accept the conditions on {page}, then `hf auth login` or set $HF_TOKEN"
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            return (
                "no such repository, or a private one\n"
                "  check the name; for a private one `hf auth login` or set $HF_TOKEN"
            )
        if isinstance(error, errors.RevisionNotFoundError):
            return f"no revision {self.revision!r}\n  leave it out for the newest, or see {page}"
        if isinstance(error, errors.LocalEntryNotFoundError | errors.OfflineModeIsEnabled):
            why = _brief(error.__cause__ or error)
            switched_off = constants.HF_HUB_OFFLINE
            cause = "$HF_HUB_OFFLINE is set" if switched_off else f"the Hub gave none ({why})"
            return (
                f"not on this machine, and {cause}\n"
                "  connect it, or fetch the files elsewhere and give their path"
            )
        return (
            f"could not be fetched ({_brief(error)})\n"
            "  try again, or fetch the files elsewhere and give their path"
        )


def _transport_errors() -> tuple[type[BaseException], ...]:
    """Return the network errors of the Hub's library, whichever HTTP library it uses."""
    from huggingface_hub import errors

    return (*errors.HfHubHTTPError.__bases__, OSError)


def _brief(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
