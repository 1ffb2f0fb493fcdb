"""The attribute classifier: what a text says of each kind of attribute, as probabilities of its values.

It reads the text encoder's tokens and is trained on texts alone, of which the data engine writes as many as wanted:
language (paraphrase, negation, order, typing errors) is learnt there, and the denoiser need not learn it from
pictures, which are dear. Its output is the condition of the diffusion, and tells the user what was understood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class AttributeClassifier(nn.Module):
    """Reads tokens into probabilities.

    Args:
        kinds: The values of each kind; the first is its default.
        text_width: Width of the text encoder's tokens.
        width: Own width.
        layers: Of self-attention over the tokens.
    """

    def __init__(
        self, kinds: Mapping[str, Sequence[str]], text_width: int = 384, width: int = 128, layers: int = 2
    ) -> None:
        super().__init__()
        self.kinds = {kind: tuple(values) for kind, values in kinds.items()}
        self.text_width = text_width
        self.enter = nn.Linear(text_width, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.1, activation="gelu", batch_first=True, norm_first=True
        )
        self.tokens = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.questions = nn.Parameter(torch.randn(len(self.kinds), width))  # one for each kind
        self.attention = nn.MultiheadAttention(width, 4, batch_first=True)
        self.answers = nn.ModuleList(nn.Linear(width, len(values)) for values in self.kinds.values())

    @property
    def size(self) -> int:
        """Length of the vector of probabilities."""
        return sum(map(len, self.kinds.values()))

    def index(self, kind: str, value: str) -> int:
        """Where in the vector a value's probability is."""
        return [(each, one) for each, values in self.kinds.items() for one in values].index((kind, value))

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """[B, L, text_width] tokens and their mask [B, L] (True: a token) to [B, size] probabilities, kind by kind."""
        tokens = self.enter(functional.layer_norm(hidden, hidden.shape[-1:]))
        tokens = self.tokens(tokens, src_key_padding_mask=~mask)
        questions = self.questions.expand(len(tokens), -1, -1)
        read, _ = self.attention(questions, tokens, tokens, key_padding_mask=~mask, need_weights=False)
        return torch.cat([answer(read[:, index]).softmax(-1) for index, answer in enumerate(self.answers)], 1)

    def vectors(self, descriptions: Iterable[Mapping[str, str]]) -> Tensor:
        """[B, size]: what a sure classifier would say of texts with these descriptions."""
        return torch.tensor(
            [
                [float(said.get(kind, values[0]) == value) for kind, values in self.kinds.items() for value in values]
                for said in descriptions
            ]
        )

    def said(self, descriptions: Sequence[Mapping[str, str]]) -> Tensor:
        """[B, size]: what is said, for sure, and nothing (zero) of the kinds that a description leaves out."""
        named = [[float(kind in said) for kind, values in self.kinds.items() for _ in values] for said in descriptions]
        return self.vectors(descriptions) * torch.tensor(named)

    def unknown(self, description: Mapping[str, str]) -> list[tuple[str, str]]:
        """What of a description this classifier, and so its model, knows no value for; it is drawn without."""
        return [(kind, value) for kind, value in description.items() if value not in self.kinds.get(kind, ())]

    def told(self, probabilities: Tensor, description: Mapping[str, str]) -> Tensor:
        """Probabilities with what is known otherwise in place of what was read.

        Args:
            probabilities: [B, size].
            description: Values of the kinds that are known.

        Returns:
            [B, size].
        """
        known = [description.get(kind) in values for kind, values in self.kinds.items() for _ in values]
        sure = self.vectors([description]).to(probabilities)
        return torch.where(torch.tensor(known, device=probabilities.device), sure, probabilities)

    def emphasised(self, probabilities: Tensor, emphasis: Mapping[str, float]) -> Tensor:
        """What some kinds say, driven further from their default than the text does.

        Args:
            probabilities: [B, size].
            emphasis: Kinds, and the factor of each; 1 for those left out.

        Returns:
            [B, size]; no probabilities any more where the factor is above 1. Kinds of which nothing is said stay so.
        """
        factors = [emphasis.get(kind, 1.0) for kind, values in self.kinds.items() for _ in values]
        parts = probabilities.split([len(values) for values in self.kinds.values()], 1)
        known = torch.cat([(part.sum(1, keepdim=True) > 0).expand_as(part) for part in parts], 1)
        default = self.vectors([{}]).to(probabilities) * known
        return default + torch.tensor(factors).to(probabilities) * (probabilities - default)

    def understood(self, probabilities: Tensor) -> dict[str, dict[str, float]]:
        """[size] probabilities as values of each kind that are at least 1% likely, most likely first.

        Kinds of which nothing is said are left out.
        """
        parts = probabilities.split([len(values) for values in self.kinds.values()])
        found = {}
        for (kind, values), part in zip(self.kinds.items(), parts, strict=True):
            ranked = sorted(zip(part.tolist(), values, strict=True), reverse=True)
            if likely := {value: round(share, 3) for share, value in ranked if share >= 0.01}:
                found[kind] = likely
        return found
