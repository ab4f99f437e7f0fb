package main

// genesis: a home with config, genesis and keys. Validators are unbonded in the genesis and bond
// in InitGenesis, so that their signing infos exist from the first block, and no gentx is needed.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cosmossdk.io/math"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/crypto/ed25519"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	cryptocodec "github.com/cosmos/cosmos-sdk/crypto/codec"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// plan is everything a test may choose about its chain. No flag may be named as a section of
// config.toml is (rpc, grpc, …): viper would read the flag for the section.
type plan struct {
	chain         string
	validators    int
	window        int64
	minSigned     string
	jail          time.Duration
	timeoutCommit time.Duration
	rpc, p2p      string
	grpc, rest    string
}

func genesisCommand(cctx *client.Context, basics module.BasicManager) *cobra.Command {
	var p plan
	cmd := &cobra.Command{
		Use: "genesis", Short: "write config, genesis.json and keys.json into --home", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			home := client.GetClientContextFromCmd(cmd).HomeDir
			if err := writeConfig(home, p); err != nil {
				return err
			}
			return writeGenesis(home, p, cctx, basics)
		},
	}
	f := cmd.Flags()
	f.StringVar(&p.chain, "chain", "palisade-hub", "chain id")
	f.IntVar(&p.validators, "validators", 64, "size of the set")
	f.Int64Var(&p.window, "window", 100, "slashing.signed_blocks_window")
	f.StringVar(&p.minSigned, "min-signed", "0.5", "slashing.min_signed_per_window")
	f.DurationVar(&p.jail, "jail", time.Minute, "slashing.downtime_jail_duration")
	f.DurationVar(&p.timeoutCommit, "timeout-commit", time.Second, "consensus.timeout_commit")
	f.StringVar(&p.rpc, "rpc-address", "127.0.0.1:28657", "CometBFT RPC")
	f.StringVar(&p.p2p, "p2p-address", "127.0.0.1:28656", "P2P")
	f.StringVar(&p.grpc, "grpc-address", "127.0.0.1:28090", "SDK gRPC")
	f.StringVar(&p.rest, "rest-address", "127.0.0.1:28317", "SDK REST")
	return cmd
}

func writeConfig(home string, p plan) error {
	cfg := cmtcfg.DefaultConfig()
	cfg.SetRoot(home)
	cmtcfg.EnsureRoot(home)
	cfg.Moniker = "hub053"
	cfg.RPC.ListenAddress = "tcp://" + p.rpc
	cfg.RPC.PprofListenAddress = ""
	cfg.P2P.ListenAddress = "tcp://" + p.p2p
	cfg.P2P.AddrBookStrict = false
	cfg.P2P.AllowDuplicateIP = true
	cfg.P2P.PexReactor = false
	cfg.Consensus.TimeoutCommit = p.timeoutCommit
	cfg.Consensus.PeerGossipSleepDuration = 10 * time.Millisecond
	cmtcfg.WriteConfigFile(filepath.Join(home, "config", "config.toml"), cfg)

	app := serverconfig.DefaultConfig()
	app.MinGasPrices = "0stake"
	app.GRPC.Address = p.grpc
	app.API.Enable = true
	app.API.Address = "tcp://" + p.rest
	app.GRPCWeb.Enable = false
	serverconfig.WriteConfigFile(filepath.Join(home, "config", "app.toml"), app)
	return nil
}

func writeGenesis(home string, p plan, cctx *client.Context, basics module.BasicManager) error {
	cdc := cctx.Codec
	state := basics.DefaultGenesis(cdc)

	var keys [][]byte
	total := math.ZeroInt()
	staking := stakingtypes.DefaultGenesisState()
	staking.Params.MaxValidators = 100
	for i := range p.validators {
		key := ed25519.GenPrivKeyFromSecret([]byte(fmt.Sprintf("%s/validator/%d", p.chain, i)))
		keys = append(keys, key)
		tokens := math.NewInt(int64(1000+p.validators-i) * 1_000_000)
		total = total.Add(tokens)
		val, err := validator(i, key, tokens)
		if err != nil {
			return err
		}
		staking.Validators = append(staking.Validators, val)
		owner := sdk.AccAddress(key.PubKey().Address()).String()
		staking.Delegations = append(staking.Delegations, stakingtypes.NewDelegation(owner, val.OperatorAddress, math.LegacyNewDecFromInt(tokens)))
	}
	state[stakingtypes.ModuleName] = cdc.MustMarshalJSON(staking)

	bank := banktypes.DefaultGenesisState()
	bank.Balances = []banktypes.Balance{{
		Address: authtypes.NewModuleAddress(stakingtypes.NotBondedPoolName).String(),
		Coins:   sdk.NewCoins(sdk.NewCoin("stake", total)),
	}}
	state[banktypes.ModuleName] = cdc.MustMarshalJSON(bank)

	slashing := slashingtypes.DefaultGenesisState()
	slashing.Params.SignedBlocksWindow = p.window
	slashing.Params.DowntimeJailDuration = p.jail
	min, err := math.LegacyNewDecFromStr(p.minSigned)
	if err != nil {
		return fmt.Errorf("--min-signed: %w", err)
	}
	slashing.Params.MinSignedPerWindow = min
	state[slashingtypes.ModuleName] = cdc.MustMarshalJSON(slashing)

	raw, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return err
	}
	gen := genutiltypes.NewAppGenesisWithVersion(p.chain, raw)
	gen.GenesisTime = time.Now().UTC()
	gen.InitialHeight = 1
	if err := gen.SaveAs(filepath.Join(home, "config", "genesis.json")); err != nil {
		return err
	}
	out, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(home, "keys.json"), out, 0o600)
}

func validator(i int, key ed25519.PrivKey, tokens math.Int) (stakingtypes.Validator, error) {
	pub, err := cryptocodec.FromCmtPubKeyInterface(key.PubKey())
	if err != nil {
		return stakingtypes.Validator{}, err
	}
	boxed, err := codectypes.NewAnyWithValue(pub)
	if err != nil {
		return stakingtypes.Validator{}, err
	}
	return stakingtypes.Validator{
		OperatorAddress: sdk.ValAddress(key.PubKey().Address()).String(), ConsensusPubkey: boxed,
		Status: stakingtypes.Unbonded, Tokens: tokens, DelegatorShares: math.LegacyNewDecFromInt(tokens),
		Description:       stakingtypes.Description{Moniker: fmt.Sprintf("val%02d", i)},
		UnbondingTime:     time.Unix(0, 0).UTC(),
		Commission:        stakingtypes.NewCommission(math.LegacyZeroDec(), math.LegacyOneDec(), math.LegacyOneDec()),
		MinSelfDelegation: math.OneInt(),
	}, nil
}
