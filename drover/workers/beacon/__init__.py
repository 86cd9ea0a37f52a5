"""The agent ``drover beacon``: takes jobs made of tasks over HTTP, does them, hands in results.

It shares nothing with a server but HTTP, and speaks it through ``drover.client.BeaconWork`` alone.
"""
