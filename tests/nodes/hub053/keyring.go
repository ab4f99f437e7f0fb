package main

// The keys of every validator of the chain behind the one PrivValidator that the consensus
// engine knows, and the orders of the test: who is down, who misses how often, who signs twice.

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"github.com/cometbft/cometbft/crypto"
	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	sm "github.com/cometbft/cometbft/state"
	cmttypes "github.com/cometbft/cometbft/types"
)

type keyring struct {
	mu     sync.Mutex
	keys   map[string]crypto.PrivKey // by consensus address
	order  []string                  // index of keys.json -> consensus address
	state  sm.Store
	engine crypto.PrivKey // the key the consensus engine signs with at this height

	down     map[string]bool
	misses   map[string]int64 // misses still owed
	missedAt map[string]int64 // the last height counted against `misses`
	twice    map[string]bool  // equivocate at the next vote
}

func loadKeyring(path string) (*keyring, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys [][]byte
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s holds no key", path)
	}
	r := &keyring{
		keys: map[string]crypto.PrivKey{}, down: map[string]bool{},
		misses: map[string]int64{}, missedAt: map[string]int64{}, twice: map[string]bool{},
	}
	for _, b := range keys {
		k := ed25519.PrivKey(b)
		a := string(k.PubKey().Address())
		r.keys[a], r.order, r.engine = k, append(r.order, a), k
	}
	return r, nil
}

// votes says whether addr takes part in height h; an owed miss is used up once for each height.
// The caller holds the lock.
func (r *keyring) votes(addr string, h int64) bool {
	switch {
	case r.down[addr]:
		return false
	case r.missedAt[addr] == h:
		return false
	case r.misses[addr] > 0:
		r.misses[addr]--
		r.missedAt[addr] = h
		return false
	}
	return true
}

// GetPubKey is asked once for each height, after the state of the height before is saved. The
// answer is the first proposer in line whose key is here and who is up, so proposers rotate as
// they would between machines.
func (r *keyring) GetPubKey() (crypto.PubKey, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st, err := r.state.Load(); err == nil && st.Validators != nil && !st.Validators.IsNilOrEmpty() {
		set := st.Validators.Copy()
		for range set.Size() {
			a := string(set.GetProposer().Address)
			if k, ok := r.keys[a]; ok && r.votes(a, st.LastBlockHeight+1) {
				r.engine = k
				break
			}
			set.IncrementProposerPriority(1)
		}
	}
	return r.engine.PubKey(), nil
}

// SignVote signs with whichever of the keys the engine names.
func (r *keyring) SignVote(chainID string, v *cmtproto.Vote) error {
	r.mu.Lock()
	k, ok := r.keys[string(v.ValidatorAddress)]
	r.mu.Unlock()
	if !ok {
		return fmt.Errorf("no key for %X", v.ValidatorAddress)
	}
	sig, err := k.Sign(cmttypes.VoteSignBytes(chainID, v))
	v.Signature = sig
	return err
}

// SignProposal signs with the engine's key of this height.
func (r *keyring) SignProposal(chainID string, p *cmtproto.Proposal) error {
	r.mu.Lock()
	k := r.engine
	r.mu.Unlock()
	sig, err := k.Sign(cmttypes.ProposalSignBytes(chainID, p))
	p.Signature = sig
	return err
}

// echoes is v under every other key that takes part, in the order of the validator set.
func (r *keyring) echoes(chainID string, v *cmttypes.Vote) ([]*cmtproto.Vote, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if string(v.ValidatorAddress) != string(r.engine.PubKey().Address()) {
		return nil, nil
	}
	set, err := r.state.LoadValidators(v.Height)
	if err != nil {
		return nil, err
	}
	var out []*cmtproto.Vote
	for i, val := range set.Validators {
		a := string(val.Address)
		k, ok := r.keys[a]
		if !ok || a == string(v.ValidatorAddress) || !r.votes(a, v.Height) {
			continue
		}
		w := v.ToProto()
		w.ValidatorAddress, w.ValidatorIndex = val.Address, int32(i)
		if w.Signature, err = k.Sign(cmttypes.VoteSignBytes(chainID, w)); err != nil {
			return nil, err
		}
		out = append(out, w)
		if r.twice[a] && len(v.BlockID.Hash) > 0 {
			x := *w
			x.BlockID.Hash = append([]byte{}, w.BlockID.Hash...)
			x.BlockID.Hash[0] ^= 1
			if x.Signature, err = k.Sign(cmttypes.VoteSignBytes(chainID, &x)); err != nil {
				return nil, err
			}
			out = append(out, &x)
			delete(r.twice, a)
		}
	}
	return out, nil
}
