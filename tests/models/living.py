"""How many models of a pair are alive at the same time."""

from __future__ import annotations

import gc
import weakref

from helpers.models.pair import Pair


class Living:
    """Watches the models that a pair loads from now on; `most` were alive at once, `loads` in all."""

    def __init__(self, pair: Pair) -> None:
        self.most, self.loads, self._models = 0, 0, weakref.WeakSet()
        pair.loaders = {role: self._watched(load) for role, load in pair.loaders.items()}

    def _watched(self, load):
        def watched():
            model = load()
            self._models.add(model)
            gc.collect()
            self.loads, self.most = self.loads + 1, max(self.most, len(self._models))
            return model

        return watched
