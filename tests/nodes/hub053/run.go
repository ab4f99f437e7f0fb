package main

// run: ONE real CometBFT node with the SDK application, holding the keys of the whole set. The
// consensus engine, the blocks, the commits and x/slashing are the real ones. This file only
// starts them and echoes each vote of the engine under the other keys, through the consensus
// reactor's public Receive, as if peers had sent them.

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	cmtdb "github.com/cometbft/cometbft-db"
	"github.com/cometbft/cometbft/blocksync"
	cmtcfg "github.com/cometbft/cometbft/config"
	"github.com/cometbft/cometbft/consensus"
	"github.com/cometbft/cometbft/node"
	"github.com/cometbft/cometbft/p2p"
	p2pmock "github.com/cometbft/cometbft/p2p/mock"
	bcproto "github.com/cometbft/cometbft/proto/tendermint/blocksync"
	cmtcons "github.com/cometbft/cometbft/proto/tendermint/consensus"
	"github.com/cometbft/cometbft/proxy"
	"github.com/cometbft/cometbft/rpc/client/local"
	sm "github.com/cometbft/cometbft/state"
	cmttypes "github.com/cometbft/cometbft/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/server"
	"github.com/cosmos/cosmos-sdk/server/api"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servergrpc "github.com/cosmos/cosmos-sdk/server/grpc"
	servercmtlog "github.com/cosmos/cosmos-sdk/server/log"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
)

func runCommand(cctx *client.Context) *cobra.Command {
	var (
		control string
		delay   time.Duration
	)
	cmd := &cobra.Command{
		Use: "run", Short: "run the whole validator set in this process", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			sctx := server.GetServerContextFromCmd(cmd)
			keys, err := loadKeyring(filepath.Join(sctx.Config.RootDir, "keys.json"))
			if err != nil {
				return err
			}
			n, app, gen, err := startNode(sctx, keys, delay)
			if err != nil {
				return err
			}
			if err := serveQueries(sctx, cctx.WithClient(local.New(n)).WithChainID(gen.ChainID), app); err != nil {
				return err
			}
			return serveControl(control, keys)
		},
	}
	cmd.Flags().StringVar(&control, "control", "127.0.0.1:28999", "address of the HTTP orders (see control.go)")
	cmd.Flags().DurationVar(&delay, "echo-delay", 0, "how long after the engine's own vote the other votes arrive (100ms where ordinary nodes take part)")
	return cmd
}

func startNode(sctx *server.Context, keys *keyring, delay time.Duration) (*node.Node, servertypes.Application, *cmttypes.GenesisDoc, error) {
	cfg, logger := sctx.Config, sctx.Logger
	nodeKey, err := p2p.LoadOrGenNodeKey(cfg.NodeKeyFile())
	if err != nil {
		return nil, nil, nil, err
	}
	db, err := dbm.NewDB("application", dbm.GoLevelDBBackend, cfg.DBDir())
	if err != nil {
		return nil, nil, nil, err
	}
	app := newApp(logger, db, nil, sctx.Viper)
	appGenesis, err := genutiltypes.AppGenesisFromFile(cfg.GenesisFile())
	if err != nil {
		return nil, nil, nil, err
	}
	gen, err := appGenesis.ToGenesisDoc()
	if err != nil {
		return nil, nil, nil, err
	}
	// The keyring reads the state store to learn whose turn it is.
	dbs := func(c *cmtcfg.DBContext) (cmtdb.DB, error) {
		d, err := cmtcfg.DefaultDBProvider(c)
		if err == nil && c.ID == "state" {
			keys.state = sm.NewStore(d, sm.StoreOptions{})
		}
		return d, err
	}
	n, err := node.NewNode(cfg, keys, nodeKey, proxy.NewLocalClientCreator(server.NewCometABCIWrapper(app)),
		func() (*cmttypes.GenesisDoc, error) { return gen, nil }, dbs,
		node.DefaultMetricsProvider(cfg.Instrumentation), servercmtlog.CometLoggerWrapper{Logger: logger})
	if err != nil {
		return nil, nil, nil, err
	}
	votes, err := n.EventBus().Subscribe(context.Background(), "hub053", cmttypes.EventQueryVote, 4096)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := n.Start(); err != nil {
		return nil, nil, nil, err
	}
	peer := p2pmock.NewPeer(nil)
	n.ConsensusReactor().InitPeer(peer)
	// A node with less than a third of the power stays in block sync until a peer reports its height.
	blockSync, ok := n.Switch().Reactor("BLOCKSYNC").(p2p.Reactor)
	if !ok {
		return nil, nil, nil, fmt.Errorf("this CometBFT has no BLOCKSYNC reactor")
	}
	blockSync.Receive(p2p.Envelope{Src: peer, ChannelID: blocksync.BlocksyncChannel, Message: &bcproto.StatusResponse{}})
	go func() {
		seen := map[string]bool{}
		for m := range votes.Out() {
			v := m.Data().(cmttypes.EventDataVote).Vote
			id := fmt.Sprintf("%d/%d/%d/%X", v.Height, v.Round, v.Type, v.ValidatorAddress)
			if seen[id] {
				continue
			}
			if seen[id] = true; len(seen) > 10_000 {
				seen = map[string]bool{id: true}
			}
			out, err := keys.echoes(gen.ChainID, v)
			if err != nil {
				logger.Error("echo", "err", err)
			}
			time.AfterFunc(delay, func() {
				for _, w := range out {
					n.ConsensusReactor().Receive(p2p.Envelope{Src: peer, ChannelID: consensus.VoteChannel, Message: &cmtcons.Vote{Vote: w}})
				}
			})
		}
	}()
	return n, app, gen, nil
}

// serveQueries opens gRPC and REST as the SDK's own start command does.
func serveQueries(sctx *server.Context, cc client.Context, app servertypes.Application) error {
	cfg, err := serverconfig.GetConfig(sctx.Viper)
	if err != nil {
		return err
	}
	cc = cc.WithHomeDir(sctx.Config.RootDir)
	app.RegisterTxService(cc)
	app.RegisterTendermintService(cc)
	app.RegisterNodeService(cc, cfg)
	ctx := context.Background()
	grpcServer, cc, err := servergrpc.NewGRPCServerAndContext(cc, app, cfg.GRPC, sctx.Logger)
	if err != nil {
		return err
	}
	go func() { _ = servergrpc.StartGRPCServer(ctx, sctx.Logger, cfg.GRPC, grpcServer) }()
	rest := api.New(cc, sctx.Logger, grpcServer)
	app.RegisterAPIRoutes(rest, cfg.API)
	go func() { _ = rest.Start(ctx, cfg) }()
	return nil
}
