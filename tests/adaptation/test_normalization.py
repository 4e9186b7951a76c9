import pytest
import torch
from torch import nn

from regraft.adaptation.normalization import Standardized, Statistics, affine_parameters


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.BatchNorm2d(2)).eval()


def moments(maps):
    rows = maps.double().movedim(1, 0).flatten(1)
    return rows.mean(dim=1), rows.var(dim=1)


def same(found, expected):
    torch.testing.assert_close(found.double(), expected.double(), rtol=1e-5, atol=1e-6)


def test_statistics_are_exactly_those_of_the_activations(network):
    images = 3 * torch.randn(10, 3, 8, 8) + 1
    with Statistics(network), torch.no_grad():
        network(images)
    with torch.no_grad():
        first = network[:1](images)
        second = network[:4](images)  # through the first layer's new statistics
    for norm, maps in ((network[1], first), (network[4], second)):
        mean, variance = moments(maps)
        same(norm.running_mean, mean)
        same(norm.running_var, variance)


def test_of_several_batches_they_are_those_of_all_examples(network):
    images = torch.randn(10, 3, 8, 8) + torch.arange(10.0).view(-1, 1, 1, 1)
    with Statistics(network), torch.no_grad():
        for part in images.split([3, 6, 1]):
            network(part)
    mean, variance = moments(network[:1](images).detach())
    same(network[1].running_mean, mean)
    same(network[1].running_var, variance)


def test_the_old_ones_have_the_rest_of_the_weight(network):
    images = torch.randn(10, 3, 8, 8) + 2
    network[1].running_mean[:] = 5.0
    network[1].running_var[:] = 9.0
    with Statistics(network, 0.25), torch.no_grad():
        network(images)
    mean, variance = moments(network[:1](images).detach())
    same(network[1].running_mean, 0.25 * mean + 0.75 * 5)
    same(network[1].running_var, 0.25 * variance + 0.75 * 9)


def test_another_domain_comes_out_as_the_one_that_the_layers_are_right_for(network):
    one, other = torch.randn(12, 3, 8, 8), 2 * torch.randn(12, 3, 8, 8) + 1
    for norm in (network[1], network[4]):
        norm.running_mean[:], norm.running_var[:] = 0.3, 2.0
    statistics = Statistics(network, weight=0.0)
    had = statistics.running()
    with torch.no_grad():
        expected = [moments(network[:depth](one)) for depth in (2, 5)]
        with statistics:
            network(one)
    assert all(
        torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(statistics.running(), had, strict=True)
    )
    with Statistics(network, like=statistics.seen()), torch.no_grad():
        network(other)
    with torch.no_grad():
        found = [moments(network[:depth](other)) for depth in (2, 5)]
    for here, there in zip(found, expected, strict=True):
        for a, b in zip(here, there, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_same_domain_changes_nothing(network):
    images = torch.randn(12, 3, 8, 8)
    statistics = Statistics(network, weight=0.0)
    with statistics, torch.no_grad():
        network(images)
    had = statistics.running()
    with Statistics(network, like=statistics.seen()), torch.no_grad():
        network(images)
    for before, after in zip(had, statistics.running(), strict=True):
        same(after[0], before[0])
        same(after[1], before[1])


def test_of_a_layer_that_nothing_enters_it_has_what_was_there(network):
    statistics = Statistics(network)
    with statistics, torch.no_grad():
        network[:2](torch.randn(4, 3, 8, 8))
    seen = statistics.seen()
    assert not torch.equal(seen[0][0].float(), torch.zeros(4))
    assert torch.equal(seen[1][0], torch.zeros(2))
    assert torch.equal(seen[1][1], torch.ones(2))


def test_an_objective_sees_features_in_units_of_those_at_first():
    class Kept(nn.Module):
        def forward(self, *given):
            self.given = given
            return given[0].sum()

    features = torch.tensor([[1.0, 10.0], [3.0, 14.0]])
    kept, logits = Kept(), torch.zeros(1, 2)
    found = Standardized(kept, features)(features, torch.tensor([[2.0, 22.0]]), logits, 0.5)
    unit = 2.5**0.5
    torch.testing.assert_close(kept.given[0], torch.tensor([[-1, -2], [1, 2]]) / unit)
    torch.testing.assert_close(kept.given[1], torch.tensor([[0, 10]]) / unit)
    assert kept.given[2:] == (logits, 0.5)
    assert float(found) == pytest.approx(0, abs=1e-6)


def test_outside_its_context_nothing_changes_any_more(network):
    statistics = Statistics(network)
    before = statistics.running()
    network(torch.randn(4, 3, 8, 8))
    with statistics, torch.no_grad():
        network(torch.randn(4, 3, 8, 8))
    after = statistics.running()
    assert not any(torch.equal(a[0], b[0]) for a, b in zip(before, after, strict=True))
    network(torch.randn(4, 3, 8, 8))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(statistics.running(), after, strict=True))
    statistics.put_back(before)
    assert all(torch.equal(a[1], b[1]) for a, b in zip(statistics.running(), before, strict=True))


def test_what_norms_scale_and_shift_by(network):
    assert [p.shape[0] for p in affine_parameters(network)] == [4, 4, 2, 2]
    assert len(affine_parameters(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2)))) == 2
    assert affine_parameters(nn.Linear(2, 2)) == []
