"""ResNet-18 for images. Source: He 2015; names of weights as in torchvision.

N images, C channels, H by W pixels. Weights: `load_state_dict(ResNet18(), safe_load(path))`.
"""

from rosso import Tensor, nn


class Block:
    def __init__(self, channels: int, out: int, stride: int):
        self.conv1 = nn.Conv2d(channels, out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.downsample = []
        if stride != 1 or channels != out:
            self.downsample = [nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)]

    def __call__(self, x: Tensor) -> Tensor:
        y = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(y)) + x.sequential(self.downsample)).relu()


class ResNet18:
    def __init__(self, classes: int = 1000):
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = [Block(64, 64, 1), Block(64, 64, 1)]
        self.layer2 = [Block(64, 128, 2), Block(128, 128, 1)]
        self.layer3 = [Block(128, 256, 2), Block(256, 256, 1)]
        self.layer4 = [Block(256, 512, 2), Block(512, 512, 1)]
        self.fc = nn.Linear(512, classes)

    def __call__(self, x: Tensor) -> Tensor:
        """x [N, 3, H, W], normalised -> logits [N, classes]."""
        x = self.bn1(self.conv1(x)).relu().max_pool2d(3, stride=2, padding=1)
        x = x.sequential(self.layer1 + self.layer2 + self.layer3 + self.layer4)  # [N, 512, h, w]
        return self.fc(x.mean((2, 3)))
