// What the monitor has said: summaries of all chains, and one chain in full, kept up to date letter by letter.

const KEPT = 300; // heights remembered here, for wide screens; the monitor tells the last hundred

export const model = {
  chains: [],      // summaries
  chain: null,     // the one that is looked at
  heard: 0,        // when the monitor said anything, by this browser's clock
  lost: true,      // it does not answer
  refused: false,  // it wants a token
  updates: 0,
};

let source = null;
let wanted;
let changed = () => {};
export const onChange = (callback) => { changed = callback; };

const stamp = (object, age) => { object.at = age === null || age === undefined ? null : Date.now() - 1000 * age; };
export const ageOf = (object) => (object && object.at ? (Date.now() - object.at) / 1000 : null);

const HANDLERS = {
  overview(chains) {
    chains.forEach((chain) => stamp(chain, chain.data_age_seconds));
    model.chains = chains;
  },
  summaries(chains) {
    for (const chain of chains) {
      stamp(chain, chain.data_age_seconds);
      const at = model.chains.findIndex((c) => c.chain_id === chain.chain_id);
      if (at >= 0) model.chains[at] = chain;
    }
  },
  chain({ order, chain }) {
    const before = model.chain && model.chain.chain_id === chain.chain_id ? model.chain : null;
    const byAddress = new Map(chain.validators.map((v) => [v.address, v]));
    chain.validators = order.map((address) => byAddress.get(address)).filter(Boolean);
    for (const v of chain.validators) v.flags = joined(before, chain, v);
    stamp(chain, chain.data_age_seconds);
    model.chain = chain;
  },
  delta({ columns, facts, rows }) {
    const chain = model.chain;
    if (!chain) return;
    for (const column of columns) {
      let i = 0;
      for (const letter of column) {
        const v = chain.validators[i++];
        if (!v) break;
        v.flags = (v.flags.length >= KEPT ? v.flags.slice(1 - KEPT) : v.flags) + letter;
        if (letter === "s" || letter === "S" || letter === "n" || letter === "N") v.signed++;
      }
    }
    for (const [place, fields] of rows) Object.assign(chain.validators[place], fields);
    Object.assign(chain, facts);
    if (facts.data_age_seconds !== undefined) stamp(chain, facts.data_age_seconds);
  },
  ping() {},
};

// After everything is told anew, older letters that are still right are kept.
function joined(before, chain, v) {
  const old = before && before.validators.find((o) => o.address === v.address);
  const fresh = before ? chain.grid_to - before.grid_to : -1;
  if (!old || fresh < 0 || fresh >= v.flags.length) return v.flags;
  const known = old.flags.slice(0, Math.max(0, old.flags.length + fresh - v.flags.length));
  return (known + v.flags).slice(-KEPT);
}

export function connect(chain) {
  if (source && wanted === chain) return;
  if (source) source.close();
  wanted = chain;
  if (!chain || (model.chain && model.chain.chain_id !== chain)) model.chain = null;
  source = new EventSource("api/events" + (chain ? "?chain=" + encodeURIComponent(chain) : ""));
  for (const [kind, take] of Object.entries(HANDLERS)) {
    source.addEventListener(kind, (event) => {
      if (event.data) take(JSON.parse(event.data));
      model.heard = Date.now();
      model.lost = model.refused = false;
      model.updates++;
      changed(kind);
    });
  }
  source.addEventListener("error", async () => {
    model.lost = true;
    changed("lost");
    if (source.readyState !== EventSource.CLOSED) return;
    // The browser gives up on an answer that is no stream; we do not.
    const now = source;
    const answer = await fetch("api/session").catch(() => null);
    const session = answer && answer.ok ? await answer.json() : null;
    model.refused = Boolean(session && !session.may_look);
    changed("lost");
    setTimeout(() => { if (source === now) reconnect(); }, 3000);
  });
}

export function reconnect() {
  const chain = wanted;
  if (source) source.close();
  source = null;
  connect(chain);
}
