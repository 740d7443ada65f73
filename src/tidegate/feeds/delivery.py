"""What a desk has for links, and its way to them."""

from __future__ import annotations

from tidegate.gateway.port import LinkOutput


class Delivery:
    """What is to be done to one link: write `data`, then close it if `cut`. `answer` is a frame of
    no session, to a link that never became one's; it is closed, too."""

    def __init__(self, link: int, data: bytes, *, cut: bool, answer: bool) -> None:
        self.link = link
        self.data = data
        self.cut = cut
        self.answer = answer

    def give(self, output: LinkOutput) -> None:
        """Do it to the link that `output` writes to."""
        if self.answer:
            output.answer(self.data)
            return
        if self.data:
            output.write(0, 0, self.data)
        if self.cut:
            output.cut()


class Outputs:
    """The links that are up, by number."""

    def __init__(self) -> None:
        self._outputs: dict[int, LinkOutput] = {}

    def add(self, link: int, output: LinkOutput) -> None:
        self._outputs[link] = output

    def get(self, link: int) -> LinkOutput | None:
        """None where it is not up (any more)."""
        return self._outputs.get(link)

    def remove(self, link: int) -> None:
        self._outputs.pop(link, None)

    def give(self, deliveries: list[Delivery]) -> None:
        """What is for a link that is not up goes nowhere."""
        for delivery in deliveries:
            output = self._outputs.get(delivery.link)
            if output is None:
                continue
            delivery.give(output)
            if delivery.cut:
                self.remove(delivery.link)
