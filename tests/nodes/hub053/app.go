package main

// The application: the SDK's modules as its own test configurator wires them, plus the two
// things the configurator lacks (x/upgrade, and a bech32 prefix other than "cosmos").

import (
	"io"
	"os"

	appv1alpha1 "cosmossdk.io/api/cosmos/app/v1alpha1"
	authmodulev1 "cosmossdk.io/api/cosmos/auth/module/v1"
	upgrademodulev1 "cosmossdk.io/api/cosmos/upgrade/module/v1"
	"cosmossdk.io/core/appconfig"
	"cosmossdk.io/depinject"
	"cosmossdk.io/log"
	_ "cosmossdk.io/x/evidence"
	_ "cosmossdk.io/x/feegrant/module"
	_ "cosmossdk.io/x/upgrade"
	dbm "github.com/cosmos/cosmos-db"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/codec"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	"github.com/cosmos/cosmos-sdk/runtime"
	"github.com/cosmos/cosmos-sdk/server"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/testutil/configurator"
	"github.com/cosmos/cosmos-sdk/types/module"
	_ "github.com/cosmos/cosmos-sdk/x/auth"
	_ "github.com/cosmos/cosmos-sdk/x/auth/tx/config"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	_ "github.com/cosmos/cosmos-sdk/x/authz/module"
	_ "github.com/cosmos/cosmos-sdk/x/bank"
	_ "github.com/cosmos/cosmos-sdk/x/consensus"
	_ "github.com/cosmos/cosmos-sdk/x/distribution"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	_ "github.com/cosmos/cosmos-sdk/x/gov"
	_ "github.com/cosmos/cosmos-sdk/x/mint"
	_ "github.com/cosmos/cosmos-sdk/x/params"
	_ "github.com/cosmos/cosmos-sdk/x/slashing"
	_ "github.com/cosmos/cosmos-sdk/x/staking"
)

// prefix is Akash's, so that addresses in the tests look like those operators see.
const prefix = "akash"

func appConfig() depinject.Config {
	return depinject.Configs(
		configurator.NewAppConfig(
			configurator.AuthModule(), configurator.BankModule(), configurator.ParamsModule(), configurator.TxModule(),
			configurator.ConsensusModule(), configurator.StakingModule(), configurator.SlashingModule(),
			configurator.DistributionModule(), configurator.MintModule(), configurator.GovModule(),
			configurator.GenutilModule(), configurator.EvidenceModule(), configurator.AuthzModule(),
			configurator.FeegrantModule(), withUpgrade, withPrefix,
			// The default order lacks auth, and 0.53 panics in Load without it.
			configurator.WithCustomPreBlockersOrder("upgrade", "auth"),
		),
		depinject.Supply(map[string]module.AppModuleBasic{
			genutiltypes.ModuleName: genutil.NewAppModuleBasic(genutiltypes.DefaultMessageValidator),
		}),
	)
}

func withUpgrade(c *configurator.Config) {
	c.ModuleConfigs["upgrade"] = &appv1alpha1.ModuleConfig{Name: "upgrade", Config: appconfig.WrapAny(&upgrademodulev1.Module{})}
}

func withPrefix(c *configurator.Config) {
	m := &authmodulev1.Module{}
	if err := c.ModuleConfigs["auth"].Config.UnmarshalTo(m); err != nil {
		panic(err)
	}
	m.Bech32Prefix = prefix
	c.ModuleConfigs["auth"].Config = appconfig.WrapAny(m)
}

func newApp(logger log.Logger, db dbm.DB, trace io.Writer, opts servertypes.AppOptions) servertypes.Application {
	var b *runtime.AppBuilder
	if err := depinject.Inject(depinject.Configs(appConfig(), depinject.Supply(opts, logger)), &b); err != nil {
		panic(err)
	}
	app := b.Build(db, trace, server.DefaultBaseappOptions(opts)...)
	if err := app.Load(true); err != nil {
		panic(err)
	}
	return app
}

// ProvideClientContext is exported because depinject accepts no other providers.
func ProvideClientContext(cdc codec.Codec, ir codectypes.InterfaceRegistry, amino *codec.LegacyAmino, txc client.TxConfig) client.Context {
	return client.Context{}.WithCodec(cdc).WithInterfaceRegistry(ir).WithLegacyAmino(amino).WithTxConfig(txc).
		WithInput(os.Stdin).WithAccountRetriever(authtypes.AccountRetriever{}).WithViper("")
}
