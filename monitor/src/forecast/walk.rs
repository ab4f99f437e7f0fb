//! The probability of jail under the two-state model of spec/slashing.md §9, by dynamic programming over (counter, state).
//!
//! A validator is up (a block is missed now and then) or down (every block is missed) and changes with a fixed probability
//! per block. Within the next W blocks the slots that fall out are known, so the walk of the counter is Markov: with steps
//! of one block the answer is exact. Longer windows are walked in steps of `W / steps` blocks, whose kernel is exact and
//! whose counter lies on a grid of a quarter of a step, rounded so that the mean is kept: a crossing is dated to the end of
//! its step, and a budget is blurred by less than a step. Beyond W the slots that fall out were drawn by the walk itself.
//! There each window starts from the joint law of (counter, state) that the one before left: the misses of a validator
//! that is up are taken to lie evenly in it, those of one that is down at its end, in the outage that goes on. After three
//! windows the hazard of the third is carried on. The tests compare all of it with simulations: within a tenth of the
//! probability plus half a percent point.

/// The habits of one validator, per block.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Habit {
    /// Probability to miss a block while up.
    pub slip: f64,
    /// Probability to go down.
    pub fail: f64,
    /// Probability to come up again.
    pub mend: f64,
}

/// Where the walk starts.
#[derive(Clone, Debug)]
pub struct Start {
    /// M - C; below zero: over the limit already.
    pub budget: i64,
    /// M less the misses that no slot holds (ghosts): what a window that is wholly new may hold.
    pub limit: i64,
    /// Blocks until it may be jailed at all; 1 or less = now.
    pub guard: i64,
    /// Probability that it is down now.
    pub down: f64,
    /// The slots of the window in the order in which they fall out.
    pub old: Vec<bool>,
}

/// Probability of jail by the end of each stretch of blocks, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve(Vec<(f64, f64)>);

/// Less than this cannot be seen in any figure that is shown.
const NOTHING: f64 = 1e-13;
/// Starting points of later windows that are followed.
const STARTS: usize = 40;
/// Cells of the counter in a step.
const CELLS: usize = 4;

impl Curve {
    /// The probability within `blocks`.
    pub fn at(&self, blocks: f64) -> f64 {
        let after = self.0.partition_point(|(t, _)| *t < blocks);
        let (t1, p1) = self.0.get(after).or(self.0.last()).copied().unwrap_or_default();
        let (t0, p0) = after.checked_sub(1).and_then(|i| self.0.get(i)).copied().unwrap_or_default();
        let part = if t1 > t0 { ((blocks - t0) / (t1 - t0)).clamp(0.0, 1.0) } else { 1.0 };
        (p0 + (p1 - p0) * part).clamp(0.0, 1.0)
    }
}

/// The law of the misses in a stretch of blocks and of the state at its end, by the state before it.
struct Kernel {
    blocks: usize,
    /// `[before][after][cells]`
    weights: [[Vec<f64>; 2]; 2],
    cell: f64,
}

#[allow(clippy::cast_precision_loss, reason = "counts of blocks, far below 2^52")]
fn float(n: usize) -> f64 {
    n as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what a grid holds")]
fn floor(x: f64) -> usize {
    x.clamp(0.0, 1e9).floor() as usize
}

impl Kernel {
    fn new(habit: &Habit, blocks: usize) -> Self {
        let cells = if blocks == 1 { 1 } else { CELLS };
        let cell = float(blocks) / float(cells);
        let go = [[1.0 - habit.fail, habit.fail], [habit.mend, 1.0 - habit.mend]];
        let miss = [habit.slip, 1.0];
        let weights = [0, 1].map(|before| {
            let mut law = [vec![0.0; blocks + 1], vec![0.0; blocks + 1]];
            law[before][0] = 1.0;
            for done in 0..blocks {
                let mut next = [vec![0.0; blocks + 1], vec![0.0; blocks + 1]];
                for (from, law) in law.iter().enumerate() {
                    for (count, mass) in law.iter().enumerate().take(done + 1).filter(|(_, m)| **m > 0.0) {
                        for to in [0, 1] {
                            let mass = mass * go[from][to];
                            next[to][count] += mass * (1.0 - miss[to]);
                            next[to][count + 1] += mass * miss[to];
                        }
                    }
                }
                law = next;
            }
            law.map(|law| spread(&law, 1.0, cell, cells + 1))
        });
        Self { blocks, weights, cell }
    }
}

/// Moves a law from a grid of `from` to one of `to` blocks a cell, keeping its mean.
fn spread(law: &[f64], from: f64, to: f64, cells: usize) -> Vec<f64> {
    let mut out = vec![0.0; cells];
    for (i, mass) in law.iter().enumerate().filter(|(_, m)| **m > 0.0) {
        let at = float(i) * from / to;
        let low = floor(at + 1e-9).min(cells - 1);
        let part = (at - float(low)).clamp(0.0, 1.0);
        out[low] += mass * (1.0 - part);
        out[(low + 1).min(cells - 1)] += mass * part;
    }
    out
}

/// The law of (misses since the start, state) among those not in jail yet.
#[derive(Clone)]
struct Law {
    cell: f64,
    /// Up, down.
    mass: [Vec<f64>; 2],
}

impl Law {
    fn step(&mut self, kernel: &Kernel) {
        let width = kernel.weights[0][0].len();
        let size = self.mass[0].len() + width - 1;
        let mut next = [vec![0.0; size], vec![0.0; size]];
        for (before, mass) in self.mass.iter().enumerate() {
            for (i, m) in mass.iter().enumerate().filter(|(_, m)| **m > NOTHING) {
                for (to, next) in next.iter_mut().enumerate() {
                    for (d, w) in kernel.weights[before][to].iter().enumerate() {
                        next[i + d] += m * w;
                    }
                }
            }
        }
        self.mass = next;
        let used = |m: &Vec<f64>| m.iter().rposition(|m| *m > NOTHING).map_or(1, |i| i + 1);
        let used = used(&self.mass[0]).max(used(&self.mass[1]));
        self.mass.iter_mut().for_each(|m| m.truncate(used));
    }

    /// Takes out who has more than `bound` misses.
    fn absorb(&mut self, bound: f64) -> f64 {
        let first = if bound < 0.0 { 0 } else { floor(bound / self.cell + 1e-9) + 1 };
        let mut out = 0.0;
        for mass in &mut self.mass {
            out += mass.iter().skip(first).sum::<f64>();
            mass.truncate(first.max(1));
            if first == 0 {
                mass[0] = 0.0;
            }
        }
        let size = self.mass[0].len().max(self.mass[1].len());
        self.mass.iter_mut().for_each(|m| m.resize(size, 0.0));
        out
    }

    fn regrid(&mut self, cell: f64) {
        let size = floor(float(self.mass[0].len()) * self.cell / cell) + 2;
        self.mass = [0, 1].map(|s| spread(&self.mass[s], self.cell, cell, size));
        self.cell = cell;
    }

    fn alive(&self) -> f64 {
        self.mass.iter().flatten().sum()
    }
}

/// The curve up to `horizon` blocks. `steps` a window: more is finer and slower, W or more is exact within W.
pub fn curve(habit: &Habit, start: &Start, horizon: f64, steps: usize) -> Curve {
    let window = start.old.len().max(1);
    let mut curve = Curve(vec![(0.0, 0.0)]);
    let mut law = Law { cell: 1.0, mass: [vec![1.0 - start.down], vec![start.down]] };
    let size = window.div_ceil(steps.max(1));
    // The first stretch block by block: nearness is where the blur of a step would show.
    let fine = if size == 1 { window } else { (steps * 2).min(window) };
    let mut fallen = 0_i64;
    let (mut done, mut gone) = (0_usize, 0.0);
    let mut kernel = Kernel::new(habit, 1);
    while done < window && float(done) < horizon {
        if done >= fine && kernel.blocks == 1 {
            kernel = Kernel::new(habit, size);
            law.regrid(kernel.cell);
        }
        if window - done < kernel.blocks {
            kernel = Kernel::new(habit, window - done);
            law.regrid(kernel.cell);
        }
        law.step(&kernel);
        let next = done + kernel.blocks;
        fallen += start.old[done..next].iter().map(|m| i64::from(*m)).sum::<i64>();
        done = next;
        if float(done) >= as_float(start.guard) {
            gone += law.absorb(as_float(start.budget + fallen));
        }
        curve.0.push((float(done), gone));
    }
    later(habit, start, horizon, steps.min(64), law, &mut curve);
    curve
}

#[allow(clippy::cast_precision_loss, reason = "counts of blocks, far below 2^52")]
fn as_float(n: i64) -> f64 {
    n as f64
}

/// The windows after the first one.
fn later(habit: &Habit, start: &Start, horizon: f64, steps: usize, mut law: Law, curve: &mut Curve) {
    let window = start.old.len().max(1);
    let mut begin = float(window);
    let mut alive = vec![law.alive()];
    let kernel = Kernel::new(habit, window.div_ceil(steps.max(1)));
    for _ in 0..3 {
        if begin >= horizon {
            return;
        }
        let gone = 1.0 - law.alive();
        let mut crossed = Vec::new();
        law = next_window(&kernel, window, start, begin, law, &mut crossed);
        let mut sum = gone;
        for (i, mass) in crossed.iter().enumerate() {
            sum += mass;
            let t = (float(i + 1) * float(kernel.blocks)).min(float(window));
            curve.0.push((begin + t, sum.min(1.0)));
        }
        begin += float(window);
        alive.push(law.alive());
    }
    let [.., before, now] = alive[..] else { return };
    if begin < horizon && before > NOTHING {
        let survive = (now / before).clamp(0.0, 1.0);
        // Enough points that straight lines between them follow the exponential.
        for i in 1..=64 {
            let t = (horizon - begin) * f64::from(i) / 64.0;
            curve.0.push((begin + t, 1.0 - now * survive.powf(t / float(window))));
        }
    }
}

/// One more window from where `law` stands; `crossed` gets the mass that goes to jail in each step.
fn next_window(
    kernel: &Kernel,
    window: usize,
    start: &Start,
    begin: f64,
    mut law: Law,
    crossed: &mut Vec<f64>,
) -> Law {
    let coarse = (float(window) / float(STARTS)).max(1.0);
    law.regrid(coarse.max(law.cell));
    let mut end = Law { cell: kernel.cell, mass: [vec![0.0], vec![0.0]] };
    for (state, mass) in law.mass.iter().enumerate() {
        for (i, mass) in mass.iter().enumerate().filter(|(_, m)| **m > 1e-10) {
            let count = (float(i) * law.cell).min(float(window));
            let mut own = Law { cell: kernel.cell, mass: [vec![0.0], vec![0.0]] };
            own.mass[state][0] = *mass;
            let (mut done, mut step) = (0, 0);
            while done < window {
                own.step(kernel);
                done = (done + kernel.blocks).min(window);
                let t = float(done);
                let fallen = if state == 0 {
                    count * t / float(window)
                } else {
                    (t - (float(window) - count)).max(0.0)
                };
                if crossed.len() <= step {
                    crossed.push(0.0);
                }
                if begin + t >= as_float(start.guard) {
                    crossed[step] += own.absorb(as_float(start.limit) - count + fallen);
                }
                step += 1;
            }
            for (end, own) in end.mass.iter_mut().zip(own.mass) {
                end.resize(end.len().max(own.len()), 0.0);
                end.iter_mut().zip(own).for_each(|(e, o)| *e += o);
            }
        }
    }
    let size = end.mass[0].len().max(end.mass[1].len());
    end.mass.iter_mut().for_each(|m| m.resize(size, 0.0));
    end
}

#[cfg(test)]
mod tests;
