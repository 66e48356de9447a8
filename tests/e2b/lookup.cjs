/// Preloaded: names below $BRIG_DOMAIN are $BRIG_ADDRESS, whatever the machine's resolver knows. The clients are not changed.
const dns = require("node:dns");

const { lookup } = dns;
const { BRIG_DOMAIN: domain, BRIG_ADDRESS: address } = process.env;

dns.lookup = (name, options, done) => {
  if (typeof options === "function") [options, done] = [{}, options];
  if (!name.endsWith("." + domain)) return lookup(name, options, done);
  process.nextTick(() => (options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4)));
};
