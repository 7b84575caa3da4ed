"""The training loop: steps and averages by their formulas, stopping, going on."""

import itertools
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from diffkit import train
from tests.training_runs import equal, fresh, moons, run


def pull(net, g):
    """A loss with the closed form that gradient descent is held against: 1/2 ||w - 1||^2."""
    return 0.5 * (net.weight - 1).square().sum()


@pytest.mark.parametrize("every", [1, 3])
def test_a_step_is_gradient_descent_and_the_average_follows_it(every):
    net = nn.Linear(1, 1, bias=False).to(torch.float64)
    nn.init.zeros_(net.weight)
    state = train.start(net, optimizer=lambda p: torch.optim.SGD(p, 0.1), ema_decay=0.3, ema_every=every)
    w, averaged = 0.0, 0.0
    for step in itertools.islice(train.train(state, pull), 8):
        assert step.loss.item() == pytest.approx(0.5 * (w - 1) ** 2, rel=1e-12)
        w += 0.1 * (1 - w)
        if step.number % every == 0:
            decay = min(0.3**every, step.number / (step.number + 10 * every))
            averaged = decay * averaged + (1 - decay) * w
        assert net.weight.item() == pytest.approx(w, rel=1e-12)
        assert state.ema.weight.item() == pytest.approx(averaged, rel=1e-12)


def test_the_learning_rate_and_the_longest_gradient_are_obeyed():
    net = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(net.weight)
    state = train.start(net, optimizer=lambda p: torch.optim.SGD(p, 9.0))
    for _ in train.train(state, pull, steps=2, lr=lambda n: 0.1 * n, clip_norm=0.5):
        pass
    # torch divides by norm + 1e-6, so a clipped gradient is shorter by that much.
    assert net.weight.item() == pytest.approx(0.1 * 0.5 + 0.2 * 0.5, rel=3e-6)


def test_the_average_is_a_copy_without_gradients_in_eval_mode():
    state = fresh()
    assert not state.ema.training
    assert state.net.training
    assert not any(p.requires_grad for p in state.ema.parameters())
    own = {p.data_ptr() for p in state.net.parameters()}
    assert own.isdisjoint({p.data_ptr() for p in state.ema.parameters()})


def test_buffers_are_copied_into_the_average():
    net = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    state = train.start(net)
    run(state, 3, lambda net, g: net(torch.randn(8, 2, generator=g)).square().sum(1))
    assert torch.equal(state.ema[1].running_mean, net[1].running_mean)
    assert state.ema[1].num_batches_tracked == 3


def test_training_learns_and_repeats_with_its_seed():
    a, b, other = fresh(), fresh(), fresh(seed=1)
    losses = run(a, 200, lr=lambda n: 5e-3)
    assert torch.stack(losses[-40:]).mean() < 0.75 * torch.stack(losses[:10]).mean()
    run(b, 200, lr=lambda n: 5e-3)
    assert equal(a, b)
    run(other, 200, lr=lambda n: 5e-3)
    assert not equal(a, other)


def test_the_consumer_stops_early_and_goes_on_later():
    a, b = fresh(), fresh()
    for step in train.train(a, moons()):
        if step.number == 5:
            break
    assert a.step == 5
    run(a, 3)
    run(b, 8)
    assert equal(a, b)


def test_progress_hands_every_step_through(capsys):
    state = fresh()
    numbers = [step.number for step in train.progress(train.train(state, moons(), steps=6), total=6)]
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert "loss=" in capsys.readouterr().out


def test_no_bar_stays_behind_where_the_loss_is_not_written(capsys):
    def unwritten(net, generator):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        list(train.progress(train.train(fresh(), unwritten, steps=6), total=6))
    assert capsys.readouterr().out == ""


def test_stop_ends_the_steps_after_the_update_in_progress_and_the_state_goes_on():
    state, ears = fresh(), signal.getsignal(signal.SIGINT)
    for step in train.until_stopped(train.train(state, moons(), steps=100)):
        if step.number == 3:
            signal.raise_signal(signal.SIGINT)
    assert state.step == 3
    assert signal.getsignal(signal.SIGINT) is ears
    straight = fresh()
    run(state, 2)
    run(straight, 5)
    assert equal(state, straight)


def test_stop_pressed_twice_interrupts_at_once():
    ears, steps = signal.getsignal(signal.SIGINT), train.until_stopped(train.train(fresh(), moons(), steps=100))
    next(steps)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    steps.close()
    assert signal.getsignal(signal.SIGINT) is ears


def test_steps_beside_the_main_thread_are_handed_on():
    with ThreadPoolExecutor() as pool:
        done = pool.submit(lambda: list(train.until_stopped(train.train(fresh(), moons(), steps=3))))
    assert [step.number for step in done.result()] == [1, 2, 3]
