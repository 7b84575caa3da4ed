"""Training: steps and averages by their formulas, checkpoints to the bit, several processes as one."""

import copy
import itertools
import math
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import nn

from diffkit import data, nets, schedule, train
from diffkit.errors import DataError, DiffkitError, RangeError, ShapeError

ROOT = Path(__file__).resolve().parents[1]
S = schedule.linear(20, 0.01, 0.3)
POINTS = data.two_moons(200, generator=torch.Generator().manual_seed(0))


def fresh(seed=0, **kw):
    torch.manual_seed(7)
    return train.start(nets.Mlp(2, width=16, depth=1), seed=seed, **kw)


def moons(**kw):
    return train.prediction(S, POINTS, 32, **kw)


def run(state, n, loss=None, **kw):
    return [step.loss for step in train.train(state, loss or moons(), steps=state.step + n, **kw)]


def everything(state):
    """All numbers of a state, by name."""
    out = {f"net.{k}": v for k, v in state.net.state_dict().items()}
    out |= {f"ema.{k}": v for k, v in state.ema.state_dict().items()}
    for i, entries in state.optimizer.state_dict()["state"].items():
        out |= {f"optimizer.{i}.{k}": v for k, v in entries.items()}
    return out | {"generator": state.generator.get_state(), "step": torch.tensor(state.step)}


def equal(a, b):
    a, b = everything(a), everything(b)
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


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


OPTIMIZERS = {
    "fused adam": None,
    "adamw, two groups": lambda p: torch.optim.AdamW([{"params": p[:2], "lr": 1e-2}, {"params": p[2:]}], lr=1e-3),
    "sgd with momentum": lambda p: torch.optim.SGD(p, 1e-2, momentum=0.9, nesterov=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-3, centered=True),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(optimizer, tmp_path):
    whole, first, second = (fresh(seed, optimizer=optimizer) for seed in (0, 0, 5))
    losses = run(whole, 9)
    run(first, 4)
    train.save(first, tmp_path / "a.safetensors")
    run(second, 2)  # whatever it did before is forgotten
    train.load(second, tmp_path / "a.safetensors")
    assert equal(first, second)
    assert torch.equal(torch.stack(run(second, 5)), torch.stack(losses[4:]))
    assert equal(whole, second)


def test_a_resumed_run_keeps_the_learning_rate_and_the_average_that_were_set(tmp_path):
    first, second = fresh(lr=1e-2, ema_decay=0.9, ema_every=4), fresh(lr=1.0)
    train.save(first, tmp_path / "a")
    train.load(second, tmp_path / "a")
    assert second.optimizer.param_groups[0]["lr"] == 1e-2
    assert (second.ema_decay, second.ema_every) == (0.9, 4)


def test_tied_weights_are_saved(tmp_path):
    def tied():
        net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
        net[1].weight = net[0].weight
        return train.start(net)

    a, b = tied(), tied()
    run(a, 3, lambda net, g: net(torch.randn(4, 2, generator=g)).square().sum(1))
    train.save(a, tmp_path / "a")
    train.load(b, tmp_path / "a")
    assert equal(a, b)


def test_a_cut_checkpoint_is_refused_at_every_length_and_changes_nothing(tmp_path):
    path, state = tmp_path / "a.safetensors", fresh()
    run(state, 2)
    train.save(state, path)
    content = path.read_bytes()
    other = fresh(seed=9)
    before = copy.deepcopy(everything(other))
    for size in [0, 1, 7, 8, 9, 100, len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match="cut or damaged"):
            train.load(other, path)
    after = everything(other)
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_a_checkpoint_of_something_else_is_refused_and_changes_nothing(tmp_path):
    path, state = tmp_path / "a", fresh()
    run(state, 1)
    train.save(state, path)
    wide, conditional = (train.start(nets.Mlp(2, **kw)) for kw in ({"width": 8}, {"width": 16, "classes": 3}))
    deep = train.start(nets.Mlp(2, width=16, depth=2))
    shallow = train.start(nets.Mlp(2, width=16, depth=1).to(torch.float64))
    for target in (wide, conditional, deep, shallow):
        before = copy.deepcopy(everything(target))
        with pytest.raises(DataError, match="this network"):
            train.load(target, path)
        assert all(torch.equal(before[k], v) for k, v in everything(target).items())
    train.save(deep, path)
    with pytest.raises(DataError, match="lacks"):
        train.load(state, path)


def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path):
    state = fresh(optimizer=lambda p: torch.optim.SGD(p, 0.1))
    train.save(state, tmp_path / "a")
    with pytest.raises(DataError, match="another optimizer"):
        train.load(fresh(), tmp_path / "a")


def test_a_missing_file_a_missing_folder_and_a_foreign_file_are_named(tmp_path):
    from safetensors.torch import save_file

    state = fresh()
    with pytest.raises(DataError, match="no checkpoint"):
        train.load(state, tmp_path / "nothing")
    with pytest.raises(DataError, match="is the folder there"):
        train.save(state, tmp_path / "no" / "folder")
    save_file({"x": torch.zeros(2)}, tmp_path / "foreign")
    with pytest.raises(DataError, match="not a training state"):
        train.load(state, tmp_path / "foreign")


def test_a_write_that_fails_leaves_the_old_file_and_no_part(tmp_path, monkeypatch):
    path, state = tmp_path / "a", fresh()
    train.save(state, path)
    old = path.read_bytes()
    run(state, 1)

    def full(*args):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="no space left"):
        train.save(state, path)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


def test_a_checkpoint_is_renamed_into_place_and_never_written_over(tmp_path):
    path, state = tmp_path / "a", fresh()
    train.save(state, path)
    os.link(path, tmp_path / "old")  # another name of the same file: it would change with it
    old = path.read_bytes()
    run(state, 1)
    train.save(state, path)
    assert (tmp_path / "old").read_bytes() == old != path.read_bytes()


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    state = fresh()
    with torch.no_grad():
        next(state.net.parameters()).fill_(math.nan)
    with pytest.raises(DataError, match="diverged"):
        train.save(state, tmp_path / "a")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("target", ["eps", "x0", "v"])
def test_the_exact_predictor_of_a_single_point_has_no_loss(target):
    # All data are one point c, so x_t tells the noise: eps = (x_t - alpha c) / sigma.
    s, c = schedule.linear(20, 0.01, 0.3), torch.tensor([0.7, -0.4], dtype=torch.float64)

    class Exact(nn.Module):
        def forward(self, x, t):
            a, sd = s.at(s.alpha_bar.sqrt(), t, x), s.at(s.noise_var.sqrt(), t, x)
            eps = (x - a * c) / sd
            return {"eps": eps, "x0": c.expand_as(x), "v": a * eps - sd * c}[target]

    loss = train.prediction(s, c.expand(5, 2), 64, target=target)(Exact(), torch.Generator().manual_seed(0))
    assert loss.shape == ()
    assert loss < 1e-20


def test_rows_labels_and_times_are_drawn_together_and_evenly():
    x, y, seen = torch.arange(4.0)[:, None], torch.arange(4), []

    class Spy(nn.Module):
        def forward(self, x_t, t, label):
            seen.append((t, label))
            return x_t * 0

    loss = train.prediction(S, x, 20000, target="x0", y=y)(Spy(), torch.Generator().manual_seed(0))
    ((t, label),) = seen
    torch.testing.assert_close(loss, (label.float() ** 2).mean())  # against 0 it is x_0^2, and x_0 is the label
    assert sorted(set(t.tolist())) == list(range(1, S.T + 1))
    for counts in (torch.bincount(t)[1:], torch.bincount(label)):
        p = 1 / len(counts)
        assert (counts / 20000 - p).abs().max() < 6 * math.sqrt(p * (1 - p) / 20000)  # error rate below 1e-7


class Seen(nn.Module):
    """A network that keeps what it is asked."""

    def forward(self, x, t=None):
        self.x, self.t = x, t
        return torch.zeros(len(x), 3, requires_grad=True) if x.ndim > 2 else x * 0


def test_every_example_gets_standard_normal_noise_of_its_own():
    net, n = Seen(), 20000
    train.prediction(S, torch.zeros(5, 2), n)(net, torch.Generator().manual_seed(0))
    noise = (net.x / S.at(S.noise_var.sqrt(), net.t, net.x)).double()  # the data are 0
    assert len(noise.unique(dim=0)) == n
    # 6 standard errors each: error rate below 1e-7.
    assert noise.mean(0).abs().max() < 6 / math.sqrt(n)
    assert (noise.var(0) - 1).abs().max() < 6 * math.sqrt(2 / n)
    assert abs((noise[:, 0] * noise[:, 1]).mean()) < 6 / math.sqrt(n)


def test_a_noise_aware_classifier_sees_every_level_from_clean_to_noise():
    net, n = Seen(), 20000
    loss = train.classification(torch.ones(4, 1, 2), torch.tensor([0, 1, 2, 0]), n, S)
    value = loss(net, torch.Generator().manual_seed(0))
    torch.testing.assert_close(value, torch.full((n,), math.log(3)))  # it is asked for 3 classes and says nothing
    assert sorted(set(net.t.tolist())) == list(range(S.T + 1))
    for t in (0, 1, S.T):
        x = net.x[net.t == t].double()
        a, var = S.alpha_bar[t].sqrt(), S.noise_var[t]
        assert abs(x.mean() - a) <= 6 * math.sqrt(var / x.numel()) + 1e-6  # error rate below 1e-8
        assert abs(x.var() - var) <= 6 * var * math.sqrt(2 / x.numel()) + 1e-6


def test_labels_are_changed_before_they_reach_the_network():
    state = train.start(nets.Mlp(2, width=8, classes=2))
    y = torch.zeros(len(POINTS), dtype=torch.long)
    loss = train.prediction(S, POINTS, 8, y=y, change=lambda y, g: nets.drop_labels(y, 2, 1.0, generator=g))
    run(state, 2, loss)
    before = nets.Mlp(2, width=8, classes=2)
    assert state.net.label.table.weight.grad[:2].abs().max() == 0
    assert state.net.label.table.weight.grad[2].abs().max() > 0
    assert before.label.null == 2


def test_a_classifier_learns_digits_clean_and_noisy():
    images, labels = data.digits()
    torch.manual_seed(0)
    state = train.start(nets.Classifier(channels=8, width=32), lr=5e-3)
    run(state, 150, train.classification(images[:1200], labels[:1200], 64))
    with torch.no_grad():
        right = (state.ema(images[1200:]).argmax(1) == labels[1200:]).double().mean()
    assert right > 0.8  # guessing gives 0.1
    loss = train.classification(images, labels, 8, S)(state.net, torch.Generator().manual_seed(0))
    assert loss.shape == (8,)


WRONG = [
    (lambda: fresh(ema_decay=1.0), "ema_decay"),
    (lambda: fresh(ema_every=0), "ema_every"),
    (lambda: fresh(lr=-1.0), "lr = -1"),
    (lambda: train.start(nn.Flatten()), "no parameters"),
    (lambda: train.train(fresh(), moons(), steps=-1), "done already"),
    (lambda: train.train(fresh(), moons(), clip_norm=0.0), "clip_norm"),
    (lambda: run(fresh(), 1, lambda net, g: POINTS[0, 0]), "does not depend"),
    (lambda: run(fresh(), 1, lambda net, g: net(POINTS, torch.ones(200))), "one number per example"),
    (lambda: run(fresh(), 1, lambda net, g: 3.0), "float"),
    (lambda: train.prediction(S, POINTS, 8, target="other"), "choose"),  # type: ignore[arg-type]
    (lambda: train.prediction(S, POINTS, 0), "at least 1"),
    (lambda: train.prediction(S, POINTS, 8, y=torch.zeros(3)), "one row per example"),
    (lambda: train.classification(POINTS, torch.zeros(3).long(), 8), "3 labels"),
    (lambda: run(fresh(), 1, train.prediction(S, POINTS.double(), 8)), "float64"),
]


@pytest.mark.parametrize(("call", "words"), WRONG)
def test_wrong_input_is_named(call, words):
    with pytest.raises((RangeError, ShapeError), match=words):
        call()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(RangeError, match="no CUDA"):
        fresh(device="cuda")


def test_a_loss_that_is_not_finite_stops_before_the_update():
    state = fresh()
    before = copy.deepcopy(everything(state))
    with pytest.raises(RangeError, match="step 1: lower lr"):
        run(state, 1, lambda net, g: math.inf * net(POINTS, torch.ones(200)).square().sum(1) + math.nan)
    assert all(torch.equal(before[k], v) for k, v in everything(state).items())


def test_errors_of_training_are_errors_of_ours():
    assert issubclass(DataError, DiffkitError)


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


SCRIPT = """
import sys, torch
from diffkit import train
torch.set_num_threads(1)
x = torch.arange(24.0, dtype=torch.float64).reshape(8, 3).sin()
def begin():
    torch.manual_seed(3)
    return train.start(torch.nn.Linear(3, 1).double(), optimizer=lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
with train.distributed() as rank:
    def loss(model, g):
        torch.rand(1, generator=g)
        return (model(x[rank::2]).squeeze(1) - 1) ** 2
    first, second = begin(), begin()
    for step in train.train(first, loss, steps=3):
        pass
    train.save(first, sys.argv[1])
    train.load(second, sys.argv[1])
    for step in train.train(second, loss, steps=6):
        pass
    train.save(second, sys.argv[2])
"""


def reference(steps):
    """The same training in one process with both halves in one batch."""
    torch.manual_seed(3)
    net = nn.Linear(3, 1).double()
    x = torch.arange(24.0, dtype=torch.float64).reshape(8, 3).sin()
    state = train.start(net, optimizer=lambda p: torch.optim.SGD(p, 0.1, momentum=0.9))
    run(state, steps, lambda net, g: (net(x).squeeze(1) - 1) ** 2)
    return state


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="this torch has no gloo")
def test_two_processes_train_as_one_with_twice_the_batch_and_resume(tmp_path):
    from safetensors.torch import load_file

    script, outs = tmp_path / "script.py", [tmp_path / "3", tmp_path / "6"]
    script.write_text(SCRIPT, encoding="utf-8")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *map(str, outs)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for steps, out in zip((3, 6), outs, strict=True):
        saved, wanted = load_file(out), reference(steps)
        for part, net in (("ema", wanted.ema), ("net", wanted.net)):
            for name, value in net.state_dict().items():
                torch.testing.assert_close(saved[f"{part}.{name}"], value, rtol=1e-12, atol=1e-12)
        assert not torch.equal(saved["generator.0"], saved["generator.1"])  # each draws on its own
    with pytest.raises(DataError, match="2 processes, here are 1"):
        train.load(wanted, out)
