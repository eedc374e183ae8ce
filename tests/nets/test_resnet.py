import pytest
import torch

from wsexplore.nets import architecture


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        ({"depth": 20, "shortcut": "pad"}, 269_722),  # He et al. 2016, table 6: 0.27 M
        ({"depth": 32, "shortcut": "pad"}, 464_154),  # 0.46 M
        ({"depth": 56, "shortcut": "pad"}, 853_018),  # 0.85 M
        ({"depth": 110, "shortcut": "pad"}, 1_727_962),  # 1.7 M
        ({"depth": 18}, 11_173_962),  # the published zoos' form with ten classes
        ({"depth": 18, "stem": "imagenet", "classes": 1000, "input": [3, 224, 224]}, 11_689_512),  # torchvision
        ({"depth": 34, "stem": "imagenet", "classes": 1000, "input": [3, 224, 224]}, 21_797_672),  # torchvision
        ({"depth": 50, "stem": "imagenet", "classes": 1000, "input": [3, 224, 224]}, 25_557_032),  # torchvision
    ],
)
def test_parameter_counts_are_the_published_ones(config, parameters):
    assert architecture("resnet", **config).layout.size == parameters


def test_resnet_18_has_the_names_of_torchvision():
    arch = architecture("resnet", depth=18, classes=100)
    shapes = {slot.name: slot.shape for slot in arch.layout.slots}
    assert shapes["conv1.weight"] == (64, 3, 3, 3)
    assert shapes["bn1.weight"] == (64,)
    assert shapes["layer1.1.conv2.weight"] == (64, 64, 3, 3)
    assert shapes["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert shapes["layer2.0.downsample.1.bias"] == (128,)
    assert shapes["layer4.1.bn2.weight"] == (512,)
    assert shapes["fc.weight"] == (100, 512)
    assert len(shapes) == 62
    assert not any("conv" in name and name.endswith("bias") for name in shapes)
    buffers = {slot.name: slot.shape for slot in arch.buffers.slots}
    assert buffers["layer3.0.downsample.1.running_var"] == (256,)
    assert buffers["bn1.num_batches_tracked"] == ()
    assert len(buffers) == 60


def test_the_modules_keys_are_those_of_torchvision_in_its_order():
    keys = list(architecture("resnet", depth=50).build().state_dict())
    assert keys[:6] == ["conv1.weight", *(f"bn1.{part}" for part in BATCH_NORM)]
    block = [
        f"layer1.0.{part}" for part in ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3", "downsample.0", "downsample.1")
    ]
    assert list(dict.fromkeys(key.rpartition(".")[0] for key in keys[6:]))[:8] == block
    assert keys[-2:] == ["fc.weight", "fc.bias"]
    assert len(keys) == 320


BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


@pytest.mark.parametrize("width", [2, 16])
def test_the_width_is_that_of_the_first_stage(width):
    arch = architecture("resnet", depth=18, width=width)
    shapes = {slot.name: slot.shape for slot in arch.layout.slots}
    assert [shapes[f"layer{stage}.0.conv1.weight"][0] for stage in (1, 2, 3, 4)] == [width << k for k in range(4)]


def test_the_imagenet_stem_makes_images_four_times_smaller():
    sides = {}
    for stem in ("small", "imagenet"):
        module = architecture("resnet", depth=18, width=2, stem=stem, input=[3, 32, 32]).build()
        module.layer1.register_forward_hook(lambda _, inputs, __, stem=stem: sides.update({stem: inputs[0].shape[-1]}))
        module(torch.zeros(2, 3, 32, 32))
    assert sides == {"small": 32, "imagenet": 8}


def test_a_padded_shortcut_passes_every_second_pixel_through():
    arch = architecture("resnet", depth=8, width=4, shortcut="pad", input=[3, 8, 8])
    block = arch.build().layer2[0].eval()
    for parameter in block.parameters():
        torch.nn.init.zeros_(parameter)
    x = torch.rand(2, 4, 8, 8)
    passed = block(x)
    assert torch.equal(passed[:, 2:6], x[:, :, ::2, ::2])
    assert not passed[:, [0, 1, 6, 7]].any()


def test_default_convolutions_have_the_spread_of_torchvision():
    arch = architecture("resnet", depth=18)
    state = arch.layout.unflatten(arch.initial_weights(seed=0))
    assert state["layer2.0.conv1.weight"].std() == pytest.approx((2 / (128 * 9)) ** 0.5, rel=0.01)
    assert torch.equal(state["layer2.0.bn1.weight"], torch.ones(128))
    assert not state["layer2.0.bn1.bias"].any()


def test_a_fresh_network_starts_with_the_statistics_of_a_fresh_module():
    arch = architecture("resnet", depth=8)
    fresh = dict(arch.build().named_buffers())
    for name, value in arch.buffers.unflatten(arch.initial_buffers()).items():
        torch.testing.assert_close(value, fresh[name].float())


def test_every_hidden_channel_of_a_projected_network_may_be_permuted():
    from wsexplore.symmetry import symmetry_of

    arch = architecture("resnet", depth=20)
    spec = symmetry_of(arch.build(), arch.example_input())
    assert len(spec.groups) == 12
    assert sum(spec.sizes.values()) == 4 * 16 + 4 * 32 + 4 * 64


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"depth": 21}, "depth 21 is unknown; choose one of 8, 14, 18, 20"),
        ({"depth": True}, "depth True is unknown"),
        ({"depth": [20]}, "depth .* is unknown"),
        ({"width": 0}, "width must be a whole number from 1 to 4,096, got 0"),
        ({"width": 2.5}, "width must be a whole number"),
        ({"input": [32, 32]}, "input must be 3 whole numbers from 1 to 4,096, like"),
        ({"input": [4096, 4096, 4096]}, "at most 16,777,216 values"),
        ({"classes": -1}, "classes must be a whole number"),
        ({"norm": "instance"}, "norm 'instance' is unknown; choose one of batch, group, layer, none"),
        ({"shortcut": "none"}, "shortcut 'none' is unknown"),
        ({"depth": 50, "shortcut": "pad"}, "has projection shortcuts"),
        ({"stem": 7}, "stem 7 is unknown; choose one of small, imagenet"),
        ({"activation": {}}, "activation {} is unknown"),
    ],
)
def test_a_wrong_configuration_is_refused_with_a_sentence(config, message):
    with pytest.raises(ValueError, match=message):
        architecture("resnet", **config)
