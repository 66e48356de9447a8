brig_fuzz(store_names_fuzz DEPS brig_store)
brig_fuzz(store_text_fuzz DEPS brig_store)
