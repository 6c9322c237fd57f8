local now = server_time()
