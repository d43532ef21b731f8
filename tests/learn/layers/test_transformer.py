"""Blocks of self-attention."""

import math

import pytest
import torch
from torch.nn import functional

from gogooku.learn.layers.transformer import TransformerBlock


def by_hand(block, x):
    """The same block by its formula, head by head."""
    hidden = x.shape[-1]
    width = hidden // block.heads
    query, key, value = block.query_key_value(block.attention_norm(x)).split(hidden, dim=-1)
    seen = []
    for head in range(block.heads):
        part = slice(head * width, (head + 1) * width)
        logits = query[..., part] @ key[..., part].transpose(1, 2) / math.sqrt(width)
        seen.append(logits.softmax(dim=-1) @ value[..., part])
    x = x + block.mixed(torch.cat(seen, dim=-1))
    return x + block.narrower(functional.gelu(block.wider(block.feed_norm(x))))


@pytest.mark.parametrize("heads", [1, 4])
def test_it_is_the_published_block(heads):
    torch.manual_seed(0)
    block = TransformerBlock(8, heads=heads, dropout=0.0)
    x = torch.randn(5, 7, 8)
    torch.testing.assert_close(block(x), by_hand(block, x), atol=1e-5, rtol=1e-5)


def test_sequences_do_not_see_each_other_and_tokens_do():
    torch.manual_seed(0)
    block, x = TransformerBlock(8, heads=2, dropout=0.0), torch.randn(3, 4, 8)
    before = block(x)
    x[1, 2] += 1.0
    after = block(x)
    torch.testing.assert_close(after[[0, 2]], before[[0, 2]])
    assert (after[1] != before[1]).any(dim=-1).all()


def test_dropout_is_in_training_only():
    torch.manual_seed(0)
    block, x = TransformerBlock(8, heads=2, dropout=0.5), torch.randn(3, 4, 8)
    assert not torch.equal(block.train()(x), block(x))
    assert torch.equal(block.eval()(x), block(x))
