brig_fuzz(http_request_fuzz DEPS brig_http)
brig_fuzz(http_websocket_fuzz DEPS brig_http)
brig_fuzz(http_answer_fuzz DEPS brig_http)
brig_fuzz(http_multipart_fuzz DEPS brig_http)
