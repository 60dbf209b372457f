"""The project's networks in plain PyTorch, written from its specification: peers for timing, and the oracle of its numbers.

Names of parameters and buffers are those of the project's layouts. `network(...)(x)` gives logits [B, K] for normalised
images x [B, 3, H, W]; `.represent(x)` gives what is clustered, `.representation(x)` what the training is for: the same, or
what lies before the neck. Initial values are those of the published trainings.
"""
import torch
from torch import nn


def network(
    architecture, size=224, classes=1000, sobel=True, dropout=0.5, width=32, feature_dim=256, neck="none",
    neck_hidden=512, neck_dim=256,
):  # fmt: skip
    """The network that a configuration of the project names; large ResNets have no Sobel front end, AlexNet and VGG16 no neck."""
    shape = dict(hidden=neck_hidden, outputs=neck_dim)
    if architecture == "alexnet-bn":
        return Plain(alexnet_features(2 if sobel else 3), alexnet_classifier, 4096, size, classes, sobel, dropout)
    if architecture == "vgg16-bn":
        return Plain(vgg16_features(2 if sobel else 3), vgg16_classifier, 4096, size, classes, sobel, dropout)
    if architecture == "small-convnet":
        maps = small_features(2 if sobel else 3, width)
        if neck != "none":
            return Pooled(maps, 4 * width, classes, sobel, dropout, neck, **shape)
        return Plain(maps, small_classifier, feature_dim, size, classes, sobel, dropout)
    if architecture == "resnet50":
        return Residual(Backbone(Bottleneck, (3, 4, 6, 3)), classes, neck, dropout, **shape)
    if architecture == "resnet18":
        return Residual(Backbone(Basic, (2, 2, 2, 2)), classes, neck, dropout, **shape)
    if architecture == "small-resnet":
        backbone = Backbone(Basic, (2, 2, 2, 2), width, small=True, inputs=2 if sobel else 3)
        return Residual(backbone, classes, neck, dropout, sobel=sobel, **shape)
    raise ValueError(f"no network {architecture}")


def block(inputs, outputs, kernel, stride, padding):
    return [nn.Conv2d(inputs, outputs, kernel, stride, padding), nn.BatchNorm2d(outputs), nn.ReLU()]


def alexnet_features(inputs):
    return [
        *block(inputs, 96, 11, 4, 2), nn.MaxPool2d(3, 2),
        *block(96, 256, 5, 1, 2), nn.MaxPool2d(3, 2),
        *block(256, 384, 3, 1, 1), *block(384, 384, 3, 1, 1), *block(384, 256, 3, 1, 1), nn.MaxPool2d(3, 2),
    ]  # fmt: skip


def vgg16_features(inputs):
    layers = []
    for outputs, count in [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)]:
        for _ in range(count):
            layers += block(inputs, outputs, 3, 1, 1)
            inputs = outputs
        layers.append(nn.MaxPool2d(2, 2))
    return layers


def small_features(inputs, width):
    layers = [*block(inputs, width, 5, 2, 2), nn.MaxPool2d(2, 2)]
    for before, after in [(1, 2), (2, 4), (4, 4)]:
        layers += [*block(before * width, after * width, 3, 1, 1), nn.MaxPool2d(2, 2)]
    return layers


def alexnet_classifier(flat, feature_dim, p):
    return [nn.Dropout(p), nn.Linear(flat, 4096), nn.ReLU(), nn.Dropout(p), nn.Linear(4096, feature_dim)]


def vgg16_classifier(flat, feature_dim, p):
    return [nn.Linear(flat, 4096), nn.ReLU(), nn.Dropout(p), nn.Linear(4096, feature_dim)]


def small_classifier(flat, feature_dim, p):
    return [nn.Dropout(p), nn.Linear(flat, feature_dim)]


class Sobel(nn.Sequential):
    """Frozen: the mean of the channels, then left minus right and upper minus lower, with zeros around."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 1, 1), nn.Conv2d(1, 2, 3, padding=1))
        self.requires_grad_(False)
        self.reset()

    def reset(self):
        across = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
        with torch.no_grad():
            self[0].weight.fill_(1 / 3)
            self[1].weight.copy_(torch.stack([across, across.T])[:, None])
            self[0].bias.zero_()
            self[1].bias.zero_()


class Plain(nn.Module):
    """Convolutions, then fully connected layers; the feature is the last of these before its ReLU."""

    def __init__(self, features, classifier, feature_dim, size, classes, sobel, dropout):
        super().__init__()
        self.features = nn.Sequential(*features)
        with torch.no_grad():
            probe = torch.zeros(1, features[0].in_channels, size, size)
            flat = self.features.eval()(probe).numel()
        self.features.train()
        self.classifier = nn.Sequential(*classifier(flat, feature_dim, dropout))
        self.top_layer = nn.Linear(feature_dim, classes)
        self.apply(initialise)
        # Last, so that the initial values leave it alone.
        self.sobel = Sobel() if sobel else None

    def represent(self, x):
        if self.sobel is not None:
            x = self.sobel(x)
        return self.classifier(self.features(x).flatten(1))

    representation = represent

    def forward(self, x):
        return self.top_layer(self.represent(x).relu())


def initialise(module):
    """Convolutions N(0, 2 / (k k outputs)), fully connected N(0, 0.01^2), batch norm the identity."""
    if isinstance(module, nn.Conv2d):
        kernel = module.kernel_size[0] * module.kernel_size[1]
        nn.init.normal_(module.weight, 0, (2 / (kernel * module.out_channels)) ** 0.5)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Basic(nn.Module):
    """3x3 with the stride, 3x3; added to its input, projected where shapes differ."""

    expansion = 1

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.downsample = None
        if stride > 1 or inputs != width:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 to four times the width; added to its input, projected where shapes differ."""

    expansion = 4

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride > 1 or inputs != 4 * width:
            project = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(project, nn.BatchNorm2d(4 * width))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        y = self.bn2(self.conv2(y)).relu()
        y = self.bn3(self.conv3(y))
        return (y + (x if self.downsample is None else self.downsample(x))).relu()


class Backbone(nn.Module):
    """A ResNet up to its pooled output [B, channels]; small: a 3x3 stem without stride and pooling."""

    def __init__(self, block, blocks, width=64, small=False, inputs=3):
        super().__init__()
        stem = nn.Conv2d(inputs, width, 3, 1, 1, bias=False) if small else nn.Conv2d(inputs, width, 7, 2, 3, bias=False)
        self.conv1, self.bn1 = stem, nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, 2, 1)
        self.channels = width
        for stage, count in enumerate(blocks):
            layers = []
            for i in range(count):
                layers.append(block(self.channels, width * 2**stage, 2 if stage > 0 and i == 0 else 1))
                self.channels = block.expansion * width * 2**stage
            self.add_module(f"layer{stage + 1}", nn.Sequential(*layers))

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return x.mean((2, 3))


class Neck(nn.Module):
    """ODC's: 2048 to 512, batch norm without scale and shift, ReLU, dropout, 512 to 256, ReLU."""

    def __init__(self, dropout, inputs=2048, hidden=512, outputs=256):
        super().__init__()
        self.fc0 = nn.Linear(inputs, hidden)
        self.bn0 = nn.BatchNorm1d(hidden, momentum=0.001, affine=False)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.fc1(self.dropout(self.bn0(self.fc0(x)).relu())).relu()


class Head(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.fc_cls = nn.Linear(inputs, classes)

    def forward(self, x):
        return self.fc_cls(x)


class Projection(nn.Module):
    """DeepCluster-v2's: fully connected, batch norm, ReLU, fully connected; of any length."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.fc0, self.bn0 = nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden)
        self.fc1 = nn.Linear(hidden, outputs)

    def forward(self, x):
        return self.fc1(self.bn0(self.fc0(x)).relu())


class SwappedProjection(Projection):
    """SwAV's: its prototypes, of any length, are compared with the output by cosine."""

    def __init__(self, inputs, hidden, outputs, classes):
        super().__init__(inputs, hidden, outputs)
        self.prototypes = nn.Linear(outputs, classes, bias=False)


def neck_of(name, dropout, inputs, hidden, outputs, classes):
    """A neck, and the head behind it or None."""
    if name == "odc":
        return Neck(dropout, inputs, hidden, outputs), Head(outputs, classes)
    if name == "projection":
        return Projection(inputs, hidden, outputs), None
    if name == "swav":
        return SwappedProjection(inputs, hidden, outputs, classes), None
    raise ValueError(f"no neck {name}")


def initialise_neck(neck):
    """N(0, 2 / inputs); the last layer of a projection N(0, 1 / inputs)."""
    last = "relu" if isinstance(neck, Neck) else "linear"
    nn.init.kaiming_normal_(neck.fc0.weight, nonlinearity="relu")
    nn.init.kaiming_normal_(neck.fc1.weight, nonlinearity=last)


class Pooled(nn.Module):
    """Convolutions and the mean over their last maps; ODC's neck and its head, or a projection without a head."""

    def __init__(self, features, channels, classes, sobel, dropout, neck, hidden, outputs):
        super().__init__()
        self.features = nn.Sequential(*features)
        self.neck, self.head = neck_of(neck, dropout, channels, hidden, outputs, classes)
        self.apply(initialise)
        initialise_neck(self.neck)
        self.sobel = Sobel() if sobel else None

    def representation(self, x):
        if self.sobel is not None:
            x = self.sobel(x)
        return self.features(x).mean((2, 3))

    def represent(self, x):
        return self.neck(self.representation(x))

    def forward(self, x):
        x = self.represent(x)
        return x if self.head is None else self.head(x)


class Residual(nn.Module):
    """A ResNet; the feature is its pooled output, or with a neck that of the neck."""

    def __init__(self, backbone, classes, neck, dropout, hidden=512, outputs=256, sobel=False):
        super().__init__()
        self.backbone = backbone
        self.neck, self.head = None, None
        if neck == "none":
            self.top_layer = nn.Linear(backbone.channels, classes)
        else:
            self.neck, self.head = neck_of(neck, dropout, backbone.channels, hidden, outputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if self.neck is not None:
            initialise_neck(self.neck)
        last = self.top_layer if self.neck is None else self.head and self.head.fc_cls
        if last is not None:
            nn.init.normal_(last.weight, 0, 0.01)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        # Last, so that the initial values leave it alone.
        self.sobel = Sobel() if sobel else None

    def representation(self, x):
        return self.backbone(x if self.sobel is None else self.sobel(x))

    def represent(self, x):
        x = self.representation(x)
        return x if self.neck is None else self.neck(x)

    def forward(self, x):
        x = self.represent(x)
        head = self.top_layer if self.neck is None else self.head
        return x if head is None else head(x)
