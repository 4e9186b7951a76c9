"""Text encoders of a few thousand weights, of several kinds, as transformers and sentence-transformers save them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", "cat", "dog", "sat", "ran", "##s", "home", ".", "!"]

KINDS: dict[str, dict[str, Any]] = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24},
    "mpnet": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24},
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 24},
}


def _write(folder: Path, kind: str = "bert", **settings: Any) -> Path:
    """Fill a folder with a random encoder: config.json, tokenizer.json and model.safetensors."""
    pytest.importorskip("transformers")
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    settings = {"vocab_size": len(WORDS), "max_position_embeddings": 40, "pad_token_id": 0, **settings}
    config = AutoConfig.for_model(kind, **KINDS[kind], **settings)
    (folder / "config.json").write_text(json.dumps(config.to_dict()))
    pieces = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    pieces.normalizer = normalizers.BertNormalizer()
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    pieces.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    pieces.save(str(folder / "tokenizer.json"))
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(1)
        network = AutoModel.from_config(config)
    save_file(network.state_dict(), folder / "model.safetensors", {"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def write_encoder() -> Callable[..., Path]:
    """Return a function that writes an encoder of a kind, with settings of its configuration."""
    return _write


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT's folder; nothing may change it."""
    return _write(tmp_path_factory.mktemp("encoders") / "small-bert")
