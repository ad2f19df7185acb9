"""The URLs of a Django site that has none."""

urlpatterns: list[object] = []
