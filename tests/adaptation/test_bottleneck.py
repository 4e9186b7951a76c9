import torch

from regraft.adaptation.bottleneck import BottleneckNetwork
from regraft.finetuning.head import head_state
from regraft.heads.scoring import SCORERS, softmax


def test_a_hidden_layer_and_a_head():
    torch.manual_seed(0)
    network = BottleneckNetwork(5, 3, 7).eval()
    X = torch.randn(4, 5)
    features = network.features(X)
    assert features.shape == (4, 7)
    assert (features >= 0).all()
    assert torch.equal(network.head(features), network(X))


def test_every_parameter_is_in_one_stage():
    network = BottleneckNetwork(5, 3, 7)
    stages = [p for name in (*network.trained, "head") for p in network.stage(name).parameters()]
    assert {id(p) for p in stages} == {id(p) for p in network.parameters()}
    assert len(stages) == 4


def test_it_is_stored_as_a_multilayer_perceptron():
    torch.manual_seed(0)
    network = BottleneckNetwork(5, 3, 7).eval()
    X = torch.randn(4, 5)
    name, tensors, settings = head_state(network.layers)
    expected = softmax(network(X).detach().numpy())
    assert name == "mlp"
    assert abs(SCORERS[name](X.numpy(), tensors, settings) - expected).max() < 1e-6
