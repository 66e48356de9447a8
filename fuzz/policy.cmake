brig_fuzz(json_fuzz DEPS brig_json)
brig_fuzz(toml_fuzz DEPS brig_json)
brig_fuzz(policy_fuzz DEPS brig_policy)
