brig_fuzz(preview_fuzz DEPS brig_api)
brig_fuzz(api_body_fuzz DEPS brig_api)
brig_fuzz(e2b_request_fuzz DEPS brig_api)
brig_fuzz(e2b_cell_fuzz DEPS brig_api)
